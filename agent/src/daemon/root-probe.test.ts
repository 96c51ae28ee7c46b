import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { isReplyTo, nfsAnswers, nullCall } from './root-probe.ts'

const servers: Server[] = []
afterEach(() => {
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

const probe = (port: number, withinMs = 5_000) => nfsAnswers({ host: '127.0.0.1', port, withinMs })

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
    expect(await probe(port)).toBe(true)
  })

  it('does not take silence, garbage or a closed port for an answer', async () => {
    expect(await probe(await listen(() => undefined), 100)).toBe(false)
    expect(await probe(await listen((socket) => socket.end('garbage, sixteen bytes and more')))).toBe(false)
    expect(await probe(await listen((socket) => socket.end()))).toBe(false)
    expect(await probe(1)).toBe(false)
  })
})
