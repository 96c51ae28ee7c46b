/**
 * A bound on the size and rate of MQTT packets, before the broker's parser would gather up to 256 MB of one. Only the
 * fixed header is looked at (MQTT 3.1.1, section 2.2): a type byte, then the remaining length in 1 to 4 bytes of 7 bits.
 */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { WaltError } from '@walt/shared/errors'

export type PacketBounds = { maxBytes: number; maxPerSecond: number }

/**
 * Looks at the next bytes of a connection.
 * @throws WaltError `packet-refused`
 */
export function createPacketLimit(bounds: PacketBounds, now: () => number): (chunk: Uint8Array) => void {
  /** Bytes of the present packet's body that are still to come. */
  let body = 0
  /** Bytes of the present length field so far; -1 before the type byte. */
  let lengthBytes = -1
  let length = 0
  let second = 0
  let packets = 0

  function count(): void {
    const current = Math.floor(now() / 1000)
    if (current !== second) {
      second = current
      packets = 0
    }
    packets += 1
    if (packets > bounds.maxPerSecond) {
      throw new WaltError('packet-refused', `more than ${bounds.maxPerSecond} packets in a second`)
    }
  }

  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (body > 0) {
        const skipped = Math.min(body, chunk.length - at)
        body -= skipped
        at += skipped
        continue
      }
      const byte = chunk[at] ?? 0
      at += 1
      if (lengthBytes < 0) {
        count()
        lengthBytes = 0
        length = 0
        continue
      }
      length += (byte & 0x7f) * 128 ** lengthBytes
      lengthBytes += 1
      if (byte >= 0x80 && lengthBytes < 4) continue
      if (byte >= 0x80) throw new WaltError('packet-refused', 'a malformed length')
      if (length > bounds.maxBytes) {
        throw new WaltError(
          'packet-refused',
          `a packet of ${length} bytes, over the limit of ${bounds.maxBytes}`,
        )
      }
      body = length
      lengthBytes = -1
    }
  }
}

/** The socket, ended by whatever `look` throws. */
export function limitedSocket(socket: Socket, look: (chunk: Uint8Array) => void): Duplex {
  const stream = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, done) => void socket.write(chunk, done),
    final: (done) => void socket.end(done),
    destroy(error, done) {
      socket.destroy()
      done(error)
    },
  })
  socket.on('data', (chunk: Buffer) => {
    try {
      look(chunk)
    } catch (thrown) {
      stream.destroy(thrown as Error)
      return
    }
    if (!stream.push(chunk)) socket.pause()
  })
  socket.on('end', () => stream.push(null))
  socket.on('error', (error) => stream.destroy(error))
  socket.on('close', () => stream.destroy())
  return stream
}
