/** A plain NBD client over TCP, for tests and measurements: handshake by the shared codec, then bytes as the test wants. */
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { clientHandshake, type NbdExport } from '@walt/shared/nbd'
import { decodeSimpleReply, encodeRequest } from '@walt/shared/nbd-transmission'

export type NbdPeerChoice = { port: number; exportName: string; localAddress?: string | undefined }
export type NbdClient = { socket: Socket; found: NbdExport }

/** Reads exactly so many bytes of a paused socket. */
export async function take(socket: Socket, length: number): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let missing = length; missing > 0; ) {
    const bytes: Buffer | null = socket.read(Math.min(missing, socket.readableLength))
    if (bytes) {
      parts.push(bytes)
      missing -= bytes.length
      continue
    }
    if (socket.readableEnded || socket.destroyed) throw new Error('the server hung up')
    const ended = new AbortController()
    await Promise.race([
      once(socket, 'readable', { signal: ended.signal }),
      once(socket, 'close', { signal: ended.signal }),
    ]).finally(() => ended.abort())
  }
  return Buffer.concat(parts)
}

export async function connectNbd(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = createConnection({ port, host: '127.0.0.1', localAddress, noDelay: true })
  await once(socket, 'connect')
  // The server may end it at any time.
  socket.on('error', () => undefined)
  return socket
}

/** @throws WaltError `nbd-refused`, `swap-gone` */
export async function attachNbd(peer: NbdPeerChoice): Promise<NbdClient> {
  const socket = await connectNbd(peer.port, peer.localAddress)
  const handshake = clientHandshake(peer.exportName)
  let step = handshake.next()
  while (!step.done) {
    socket.write(step.value.send)
    step = handshake.next(await take(socket, step.value.readBytes))
  }
  return { socket, found: step.value }
}

/** One request and its reply; answers the error and, of a read, the data. */
export async function askNbd(
  { socket }: NbdClient,
  request: { command: number; offset?: number; length?: number; data?: Buffer; flags?: number },
  dataBytes = 0,
): Promise<{ error: number; data: Buffer }> {
  const { command, offset = 0, data = Buffer.alloc(0), flags = 0 } = request
  const header = {
    command,
    flags,
    cookieHigh: 1,
    cookieLow: 2,
    offset,
    length: request.length ?? data.length,
  }
  socket.write(Buffer.concat([encodeRequest(header), data]))
  const { error } = decodeSimpleReply(await take(socket, 16), 0)
  return { error, data: error === 0 && dataBytes > 0 ? await take(socket, dataBytes) : Buffer.alloc(0) }
}
