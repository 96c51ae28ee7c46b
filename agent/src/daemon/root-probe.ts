/**
 * Whether the NFS server of the root answers, without touching a file: a call that does may hang for as long as the
 * server is away, and with it the thread that made it. The NULL procedure of NFS 3 (RFC 1813, 3.3.0) over TCP (RFC 5531).
 */
import { connect, type Socket } from 'node:net'
import { limits } from '@walt/shared/limits'

const nfsPort = 2049
const call = { message: 0, rpcVersion: 2, program: 100_003, programVersion: 3, procedure: 0 }
/** Transaction, message type "reply", "accepted". */
const replyWords = 3

export type ServerAnswer = 'answered' | 'slow' | 'silent'

export type RootProbe = {
  /** In time in any case. One call at a time. */
  ask(): Promise<ServerAnswer>
  stop(): void
}

export function nullCall(transaction: number): Buffer {
  const none = [0, 0]
  const words = [transaction, ...Object.values(call), ...none, ...none]
  const bytes = Buffer.alloc(4 + 4 * words.length)
  // One record, which is the last fragment of its message (RFC 5531, 11).
  bytes.writeUInt32BE(0x8000_0000 + 4 * words.length, 0)
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, 4 + 4 * index)
  return bytes
}

/** Undefined: there is not enough of it yet. */
export function isReplyTo(transaction: number, received: Buffer): boolean | undefined {
  if (received.length < 4 + 4 * replyWords) return undefined
  const [id, type, status] = [4, 8, 12].map((offset) => received.readUInt32BE(offset))
  return id === transaction && type === 1 && status === 0
}

type Pending = { socket: Socket; connected: boolean; outcome: Promise<'answered' | 'silent'> }

/**
 * A call that was not answered in time is not given up while its connection stands: the next question waits for the same
 * answer. So a server that hangs collects no connections, and keepalive tells when its machine is gone.
 */
export function createRootProbe(target: { host: string; port?: number; withinMs: number }): RootProbe {
  let pending: Pending | undefined

  function begin(): Pending {
    const transaction = Math.floor(Math.random() * 0xffff_ffff)
    let received = Buffer.alloc(0)
    const socket = connect({
      host: target.host,
      port: target.port ?? nfsPort,
      keepAlive: true,
      keepAliveInitialDelay: limits.rootProbeIntervalMs,
    })
    const outcome = new Promise<'answered' | 'silent'>((resolve) => {
      socket.once('connect', () => {
        begun.connected = true
        socket.write(nullCall(transaction))
      })
      socket.on('error', () => resolve('silent'))
      socket.on('close', () => resolve('silent'))
      socket.on('data', (bytes: Buffer) => {
        received = Buffer.concat([received, bytes])
        const verdict = isReplyTo(transaction, received)
        if (verdict !== undefined) resolve(verdict ? 'answered' : 'silent')
      })
    })
    const begun: Pending = { socket, connected: false, outcome }
    return begun
  }

  return {
    async ask() {
      pending ??= begin()
      const asked = pending
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), target.withinMs)
      })
      const outcome = await Promise.race([asked.outcome, late])
      clearTimeout(timer)
      if (outcome === 'late' && asked.connected) return 'slow'
      asked.socket.destroy()
      pending = undefined
      return outcome === 'answered' ? 'answered' : 'silent'
    },
    stop: () => void pending?.socket.destroy(),
  }
}
