/**
 * One request to a node's control port, as WalT's server makes it: `MODE single` and the request in one segment, 15 s
 * for the connection, 15 s for the first line of the reply. Whatever the peer does, this ends with an answer.
 */
import { connect } from 'node:net'
import { controlPort, parseControlReply } from '@walt/shared/control'
import { limits } from '@walt/shared/limits'

export type ControlAnswer = { ok: true; output: string } | { ok: false; reason: string }

export type ControlTarget = {
  address: string
  port?: number
  /** The node serves this server's address only, which may be one of several here. */
  localAddress?: string | undefined
  /** Of each phase; shorter in tests. */
  phaseMs?: number
}

export type ControlRequestLine = 'REBOOT' | 'PING' | 'DMESG' | 'BLINK 0' | 'BLINK 1'

/** `wholeAnswer` reads on after the first line until the node closes. */
export function requestOfNode(
  target: ControlTarget,
  request: ControlRequestLine,
  options: { wholeAnswer?: boolean; signal?: AbortSignal } = {},
): Promise<ControlAnswer> {
  const { address, port = controlPort, localAddress, phaseMs = limits.controlReplyMs } = target
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, ...(localAddress ? { localAddress } : {}) })
    let received = Buffer.alloc(0)
    let reply: ControlAnswer | undefined
    let timer = setTimeout(() => end(failure(`no connection within ${phaseMs / 1000} s`)), phaseMs)

    function end(answer: ControlAnswer): void {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', aborted)
      socket.destroy()
      resolve(answer)
    }
    function phase(reason: string): void {
      clearTimeout(timer)
      timer = setTimeout(() => end(reply ?? failure(reason)), phaseMs)
    }
    const aborted = () => end(failure('the server is being stopped'))
    options.signal?.addEventListener('abort', aborted)

    socket.once('connect', () => {
      phase(`no answer within ${phaseMs / 1000} s`)
      socket.write(`MODE single\n${request}\n`)
    })
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (!reply) {
        const line = firstLine(received)
        if (line === undefined) return
        const parsed = parseControlReply(line)
        if (!parsed.ok || !options.wholeAnswer) return end(parsed.ok ? { ok: true, output: '' } : parsed)
        reply = { ok: true, output: '' }
        phase('')
      }
      if (received.length > limits.controlOutputMaxBytes) end(outputOf(received))
    })
    socket.once('end', () =>
      end(reply ? outputOf(received) : failure('it closed the connection without an answer')),
    )
    socket.once('error', (error: NodeJS.ErrnoException) => end(failure(reasonOfSocket(error))))
    if (options.signal?.aborted) aborted()
  })
}

/** The line so far is taken as it is when it is over the limit: what comes then is no reply. */
function firstLine(received: Buffer): string | undefined {
  const newline = received.indexOf(0x0a)
  if (newline < 0 && received.length <= limits.controlLineMaxBytes) return undefined
  return printable(received.toString('latin1', 0, Math.min(newline < 0 ? Infinity : newline, 200)))
}

/** `OK`, an empty line, the output. */
function outputOf(received: Buffer): ControlAnswer {
  const text = received.toString('utf8', received.indexOf(0x0a) + 1, limits.controlOutputMaxBytes)
  return { ok: true, output: text.replace(/^\r?\n/, '') }
}

/** A reason is shown to a person: whatever the peer sent may not steer a terminal. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?')
}

function failure(reason: string): ControlAnswer {
  return { ok: false, reason }
}

const socketReasons: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ECONNRESET: 'connection reset',
  ETIMEDOUT: 'connection timed out',
}

function reasonOfSocket(error: NodeJS.ErrnoException): string {
  return socketReasons[error.code ?? ''] ?? error.message
}
