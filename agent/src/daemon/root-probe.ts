/**
 * Whether the NFS server of the root answers, without touching a file: a call that does may hang for as long as the
 * server is away, and with it the thread that made it. The NULL procedure of NFS 3 (RFC 1813, 3.3.0) over TCP (RFC 5531).
 */
import { connect } from 'node:net'

const nfsPort = 2049
const call = { message: 0, rpcVersion: 2, program: 100_003, programVersion: 3, procedure: 0 }
/** Transaction, message type "reply", "accepted". */
const replyWords = 3

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

export function nfsAnswers(target: { host: string; port?: number; withinMs: number }): Promise<boolean> {
  const transaction = Math.floor(Math.random() * 0xffff_ffff)
  return new Promise((resolve) => {
    let received = Buffer.alloc(0)
    const socket = connect({ host: target.host, port: target.port ?? nfsPort })
    const timer = setTimeout(() => settle(false), target.withinMs)
    function settle(answers: boolean): void {
      clearTimeout(timer)
      socket.destroy()
      resolve(answers)
    }
    socket.once('connect', () => socket.write(nullCall(transaction)))
    socket.on('error', () => settle(false))
    socket.on('end', () => settle(false))
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes])
      const verdict = isReplyTo(transaction, received)
      if (verdict !== undefined) settle(verdict)
    })
  })
}
