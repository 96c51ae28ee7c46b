import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createRootProbe, isReplyTo, nullCall, type RootProbe } from './root-probe.ts'

const servers: Server[] = []
const probes: RootProbe[] = []
afterEach(() => {
  for (const probe of probes.splice(0)) probe.stop()
  for (const server of servers.splice(0)) server.close()
})

async function listen(answer: (socket: Socket, call: Buffer) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (call: Buffer) => answer(socket, call))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

function accepted(call: Buffer): Buffer {
  const reply = Buffer.alloc(28)
  reply.writeUInt32BE(0x8000_0018, 0)
  call.copy(reply, 4, 4, 8)
  reply.writeUInt32BE(1, 8)
  return reply
}

function probe(port: number, withinMs = 5_000): RootProbe {
  const made = createRootProbe({ host: '127.0.0.1', port, withinMs })
  probes.push(made)
  return made
}

describe('root probe', () => {
  it('calls the NULL procedure of NFS 3', () => {
    const words = [0x8000_0028, 7, 0, 2, 100_003, 3, 0, 0, 0, 0, 0]
    expect(Array.from({ length: 11 }, (_, index) => nullCall(7).readUInt32BE(4 * index))).toEqual(words)
  })

  it('knows the reply to its own call', () => {
    const reply = accepted(nullCall(7))
    expect(isReplyTo(7, reply)).toBe(true)
    expect(isReplyTo(8, reply)).toBe(false)
    expect(isReplyTo(7, reply.subarray(0, 12))).toBeUndefined()
  })

  it('finds a server that answers, in however many pieces', async () => {
    const port = await listen((socket, call) => {
      const reply = accepted(call)
      socket.write(reply.subarray(0, 5))
      setTimeout(() => socket.write(reply.subarray(5)), 20)
    })
    expect(await probe(port).ask()).toBe('answered')
  })

  it('does not take garbage, a closed connection or a closed port for an answer', async () => {
    const garbage = await listen((socket) => socket.end('garbage, sixteen bytes and more'))
    expect(await probe(garbage).ask()).toBe('silent')
    expect(await probe(await listen((socket) => socket.end())).ask()).toBe('silent')
    expect(await probe(1).ask()).toBe('silent')
  })

  it('takes a server that lets it wait for slow, and waits on the same connection', async () => {
    const waiting: { socket: Socket; call: Buffer }[] = []
    const port = await listen((socket, call) => waiting.push({ socket, call }))
    const asking = probe(port, 50)
    expect([await asking.ask(), await asking.ask(), await asking.ask()]).toEqual(['slow', 'slow', 'slow'])
    expect(waiting).toHaveLength(1)
    for (const { socket, call } of waiting) socket.write(accepted(call))
    await expect.poll(() => asking.ask()).toBe('answered')
  })

  it('takes one that ends while it waits for silent', async () => {
    const waiting: Socket[] = []
    const port = await listen((socket) => waiting.push(socket))
    const asking = probe(port, 50)
    expect(await asking.ask()).toBe('slow')
    waiting[0]?.destroy()
    await expect.poll(() => asking.ask()).toBe('silent')
  })
})
