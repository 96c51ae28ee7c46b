/**
 * One NBD connection: a socket that is driven first by the handshake, then by the transmission.
 * A peer may be dead without saying so: the handshake has a deadline, TCP keepalive finds a silent peer, and one that
 * takes no replies is dropped after `sendMs`.
 */
import type { Socket } from 'node:net'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { type Exports, type HandshakeEnd, serverHandshake } from './handshake.ts'
import { readInto } from './read-into.ts'
import type { ReplyBuffers } from './reply-buffers.ts'
import type { BootSwap } from './swap-files.ts'
import { createTransmission, type Transmission } from './transmission.ts'
import type { Turns } from './turns.ts'

export type ConnectionEvents = {
  /** The handshake is over and the node uses its swap. */
  attached: (swap: BootSwap) => void
  /** It is the first request on this connection: older ones of the same swap are served no more. */
  claimed: (swap: BootSwap) => void
  /** A sound request failed. */
  failed: (swap: BootSwap, command: number, thrown: unknown) => void
  /** The connection was closed by us. */
  dropped: (reason: string) => void
}

/** `exports.open` must have been called for `openedSwap` to answer: it is what the peer chose. */
export function serveConnection(options: {
  /** As the server accepted it, paused. */
  accepted: Socket
  /** All connections are read into it, one after the other. */
  readBuffer: Buffer
  /** Counts up from 1: a higher number is a newer connection. */
  number: number
  exports: Exports
  openedSwap: () => BootSwap
  buffers: ReplyBuffers
  turns: Turns
  /** How long a peer may take no reply. */
  sendMs: number
  events: ConnectionEvents
}): Socket {
  const { accepted, readBuffer, number, exports, openedSwap, buffers, turns, sendMs, events } = options
  const handshake = serverHandshake(exports)
  let step = handshake.next()
  let gathered: Buffer = Buffer.alloc(0)
  let transmission: Transmission | undefined

  function drop(reason: string): void {
    if (socket.destroyed) return
    events.dropped(reason)
    socket.destroy()
  }

  const deadline = setTimeout(
    () => drop(`it did not choose an export within ${limits.nbdHandshakeMs / 1000} s`),
    limits.nbdHandshakeMs,
  )

  function send(bytes: Uint8Array): void {
    if (bytes.length > 0) socket.write(bytes)
  }

  function shakeHands(chunk: Buffer): void {
    gathered = Buffer.concat([gathered, chunk])
    while (!step.done && gathered.length >= step.value.readBytes) {
      const bytes = gathered.subarray(0, step.value.readBytes)
      gathered = gathered.subarray(step.value.readBytes)
      step = handshake.next(bytes)
      if (!step.done) send(step.value.send)
    }
    if (step.done) endHandshake(step.value)
  }

  function endHandshake(end: HandshakeEnd): void {
    clearTimeout(deadline)
    send(end.send)
    if (end.outcome === 'ended') {
      socket.end()
      return
    }
    const swap = openedSwap()
    transmission = transmit(swap)
    events.attached(swap)
    if (gathered.length > 0) transmission.push(gathered)
    gathered = Buffer.alloc(0)
  }

  function transmit(swap: BootSwap): Transmission {
    return createTransmission({
      backend: swap.backend,
      buffers,
      turns,
      output: {
        send: (bytes, sent) => void socket.write(bytes, sent),
        pause: () => void socket.pause(),
        resume: () => void socket.resume(),
        end(reason) {
          if (reason) drop(reason.message)
          else socket.end()
        },
      },
      mayServe() {
        if (number === swap.holder) return true
        if (number < swap.holder) return false
        swap.holder = number
        events.claimed(swap)
        return true
      },
      counts: swap,
      onFailure: (command, thrown) => events.failed(swap, command, thrown),
    })
  }

  const socket = readInto(accepted, readBuffer, (chunk) => {
    try {
      if (transmission) transmission.push(chunk)
      else shakeHands(chunk)
    } catch (thrown) {
      if (!(thrown instanceof WaltError)) throw thrown
      drop(thrown.message)
    }
  })
  socket.setNoDelay(true)
  const { swapKeepaliveMs, swapKeepaliveIntervalMs, swapKeepaliveProbesMax } = limits
  socket.setKeepAlive(true, swapKeepaliveMs, swapKeepaliveIntervalMs, swapKeepaliveProbesMax)
  socket.setTimeout(sendMs, () => {
    if (socket.writableLength > 0) drop(`it has taken no reply for ${sendMs / 1000} s`)
  })
  socket.on('error', (error) => drop(reasonOf(error)))
  socket.on('close', () => {
    clearTimeout(deadline)
    transmission?.stop()
  })
  if (!step.done) send(step.value.send)
  socket.resume()
  return socket
}
