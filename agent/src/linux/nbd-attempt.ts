/**
 * One try to reach an NBD server, step by step, so that nobody waits for it, in buffers that were there before: connection,
 * handshake, and a first read, by which the server knows that older connections are over, and we that it serves.
 */
import { reasonOf, WaltError } from '@walt/shared/errors'
import { clientHandshake, type NbdHandshakeStep } from '@walt/shared/nbd'
import {
  decodeSimpleReply,
  encodeRequest,
  nbdCommand,
  nbdSimpleReplyBytes,
} from '@walt/shared/nbd-transmission'
import type { Kernel } from './kernel.ts'
import type { NbdPeer } from './nbd-device.ts'

type AttemptKernel = Pick<Kernel, 'beginConnect' | 'connected' | 'sendNow' | 'receiveNow' | 'closeDescriptor'>

export type NbdAttempt = {
  /** The descriptor when all of that is done, undefined while it is not. @throws WaltError */
  step(): number | undefined
  /** Closes the descriptor. */
  drop(): void
}

const received = new Uint8Array(new ArrayBuffer(4_096))
const firstRead = { flags: 0, command: nbdCommand.read, cookieHigh: 0, cookieLow: 0, offset: 0, length: 512 }

function* handshakeAndRead(exportName: string): Generator<NbdHandshakeStep, void, Uint8Array> {
  yield* clientHandshake(exportName)
  const readBytes = nbdSimpleReplyBytes + firstRead.length
  const reply = yield { send: encodeRequest(firstRead), readBytes }
  const { error } = decodeSimpleReply(Buffer.from(reply.buffer, reply.byteOffset, reply.length), 0)
  if (error !== 0) throw new WaltError('nbd-refused', `the first read fails there (NBD error ${error})`)
}

export function beginNbdAttempt(kernel: AttemptKernel, peer: NbdPeer): NbdAttempt {
  const { address, port, exportName } = peer
  const fd = kernel.beginConnect({ address, port })
  const handshake = handshakeAndRead(exportName)
  let isConnected = false
  let turn: IteratorResult<NbdHandshakeStep, unknown> | undefined
  let filled = 0

  function advance(): number | undefined {
    isConnected ||= kernel.connected({ fd, address, port })
    if (!isConnected) return undefined
    turn ??= begin()
    while (!turn.done) {
      const { readBytes } = turn.value
      if (readBytes > received.length)
        throw new WaltError('nbd-protocol', `it sends ${readBytes} bytes at once`)
      const count = kernel.receiveNow({ fd, into: received.subarray(filled, readBytes) })
      if (count === undefined) return undefined
      if (count === 0) throw new WaltError('nbd-closed', 'the server closed the connection')
      filled += count
      if (filled < readBytes) continue
      filled = 0
      turn = said(handshake.next(received.slice(0, readBytes)))
    }
    return fd
  }

  const begin = () => said(handshake.next())

  /** A handshake's words are few: a fresh connection has room for them. */
  function said(next: IteratorResult<NbdHandshakeStep, unknown>): IteratorResult<NbdHandshakeStep, unknown> {
    if (next.done || next.value.send.length === 0) return next
    const { send } = next.value
    if (kernel.sendNow({ fd, bytes: send }) !== send.length) {
      throw new WaltError('nbd-closed', 'the connection takes no bytes')
    }
    return next
  }

  return {
    step() {
      try {
        return advance()
      } catch (thrown) {
        if (thrown instanceof WaltError && thrown.code === 'swap-gone') throw thrown
        const server = `${address} port ${port}`
        throw new WaltError('nbd-attempt-failed', `${server}: ${reasonOf(thrown)}`, { cause: thrown })
      }
    },
    drop: () => kernel.closeDescriptor(fd),
  }
}
