import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type ControlRequestLine, requestOfNode } from './control-client.ts'

let server: Server | undefined
const peers = new Set<Socket>()

/** A node that does as it likes. */
async function node(onRequest: (socket: Socket, text: string) => void): Promise<number> {
  const listening = createServer((socket) => {
    peers.add(socket)
    socket.on('error', () => {})
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
      if (text.split('\n').length === 3) onRequest(socket, text)
    })
  }).listen(0, '127.0.0.1')
  server = listening
  await once(listening, 'listening')
  const address = listening.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

const ask = (port: number, request: ControlRequestLine = 'REBOOT', wholeAnswer = false, phaseMs = 20_000) =>
  requestOfNode({ address: '127.0.0.1', port, phaseMs }, request, { wholeAnswer })

afterEach(() => {
  for (const socket of peers) socket.destroy()
  peers.clear()
  server?.close()
})

describe('a request to a node', () => {
  test('speaks as WalT does, and takes OK', async () => {
    let received = ''
    const port = await node((socket, text) => {
      received = text
      socket.end('OK\n')
    })
    expect(await ask(port)).toEqual({ ok: true, output: '' })
    expect(received).toBe('MODE single\nREBOOT\n')
  })

  test('takes an OK that comes in pieces, and waits for no more', async () => {
    const port = await node((socket) => {
      socket.write('O')
      setImmediate(() => socket.write('K\n'))
    })
    expect(await ask(port)).toEqual({ ok: true, output: '' })
  })

  test('gives the reason of a KO', async () => {
    const port = await node((socket) => socket.end('KO /bin/walt-reboot is not executable on image\n'))
    expect(await ask(port)).toEqual({ ok: false, reason: '/bin/walt-reboot is not executable on image' })
  })

  test('does not wait for ever: nobody there, no answer, a dribble, a closed connection', async () => {
    expect(await ask(1)).toEqual({ ok: false, reason: 'connection refused' })
    const silent = await node(() => {})
    expect(await ask(silent, 'REBOOT', false, 200)).toEqual({ ok: false, reason: 'no answer within 0.2 s' })
    server?.close()
    const dribbling = await node((socket) => {
      const timer = setInterval(() => socket.write('x'), 20)
      socket.once('close', () => clearInterval(timer))
    })
    expect(await ask(dribbling, 'REBOOT', false, 200)).toEqual({
      ok: false,
      reason: 'no answer within 0.2 s',
    })
    server?.close()
    const closing = await node((socket) => socket.end())
    expect(await ask(closing)).toEqual({ ok: false, reason: 'it closed the connection without an answer' })
  })

  test('takes garbage for a failure, with nothing in the reason that could steer a terminal', async () => {
    const port = await node((socket) => socket.end(`\u001b[2J ${'\u001b'.repeat(10_000)}`))
    const answer = await ask(port)
    expect(answer.ok).toBe(false)
    expect(answer.ok ? '' : answer.reason).toMatch(/^[\x20-\x7e]{1,200}$/)
  })

  test('reads a whole answer, up to a bound', async () => {
    const log = await node((socket) => socket.end('OK\n\nline 1\nline 2\n'))
    expect(await ask(log, 'DMESG', true)).toEqual({ ok: true, output: 'line 1\nline 2\n' })
    server?.close()
    const endless = await node((socket) => {
      socket.write('OK\n\n')
      const more = () => {
        while (!socket.destroyed && socket.write('x'.repeat(65_536)));
      }
      socket.on('drain', more)
      more()
    })
    const answer = await ask(endless, 'DMESG', true)
    expect(answer.ok && answer.output.length).toBeGreaterThan(1_000_000)
  })

  test('ends when the server is being stopped', async () => {
    const port = await node(() => {})
    const stopping = new AbortController()
    const answer = requestOfNode({ address: '127.0.0.1', port }, 'PING', { signal: stopping.signal })
    stopping.abort()
    expect(await answer).toEqual({ ok: false, reason: 'the server is being stopped' })
  })
})
