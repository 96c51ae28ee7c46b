/**
 * NBD's transmission phase for one connection, with no socket in it: chunks come in by `push`, replies go out by
 * `output.send`.
 *
 * All requests of a chunk are answered into one buffer, which is sent once; a write a reply took 0.7 times the
 * operations a second of nbdkit, this 1.2 times and more. States:
 *   header   28 bytes of a request are being gathered (the usual case: they are whole in the chunk)
 *   payload  a WRITE's data goes straight from each chunk into the backend; after a failure the rest is dropped
 *   longRead a READ beyond swapReadPieceBytes leaves piece by piece
 * While `stalled()` (the peer takes no replies, a longRead waits, or too many flushes are under way) input is paused
 * and the rest of the chunk is kept: so memory is bounded by swapUnsentBuffersMax buffers and one chunk.
 * Only FLUSH and FUA answer later than in turn, as proto.md allows. After swapTurnBytes the rest waits for the other
 * connections to have their turn, so that one that floods slows nobody much.
 */
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import {
  checkRequest,
  decodeRequest,
  encodeSimpleReply,
  type NbdRequest,
  nbdCommand,
  nbdCommandFlag,
  nbdError,
  nbdRequestBytes,
  nbdSimpleReplyBytes,
} from '@walt/shared/nbd-transmission'
import { nbdErrorOf, type SwapBackend } from './backend.ts'
import type { ReplyBuffers } from './reply-buffers.ts'
import type { Turns } from './turns.ts'

export type TransmissionOutput = {
  /** `sent` is called when the bytes may be overwritten, never from inside `send`. */
  send: (bytes: Buffer, sent: () => void) => void
  pause: () => void
  resume: () => void
  /** The connection is over: politely at the client's wish, or because of `reason`. */
  end: (reason?: WaltError) => void
}

export type Transmission = {
  push: (chunk: Buffer) => void
  /** Stops without a word: the connection is gone. */
  stop: () => void
  /** Replies wait for the peer. */
  unsent: () => boolean
}

export function createTransmission(options: {
  backend: SwapBackend
  buffers: ReplyBuffers
  turns: Turns
  output: TransmissionOutput
  /** Asked before each request; false ends the connection (a newer one has taken over). */
  mayServe: () => boolean
  /** Counts what was read and written. */
  counts: { readBytes: number; writtenBytes: number }
  /** Told of every failed request that was sound. */
  onFailure: (command: number, thrown: unknown) => void
}): Transmission {
  const { backend, buffers, turns, output, mayServe, counts, onFailure } = options
  const header = Buffer.alloc(nbdRequestBytes)
  let headerFill = 0
  let payload: { request: NbdRequest; done: number; error: number } | undefined
  let longRead: { offset: number; remaining: number } | undefined
  let rest: Buffer | undefined
  let reply: Buffer | undefined
  let replyFill = 0
  let unsentBuffers = 0
  let flushes = 0
  let over = false
  /** Bytes of work in this turn of the event loop; beyond swapTurnBytes the rest waits for the next one. */
  let turn = -1
  let spent = 0
  let yielded = false

  const stalled = () =>
    yielded ||
    longRead !== undefined ||
    unsentBuffers >= limits.swapUnsentBuffersMax ||
    flushes >= limits.swapFlushesMax

  function yieldIfSpent(): void {
    if (over || yielded || spent < limits.swapTurnBytes || !turns.contested()) return
    yielded = true
    setImmediate(() => {
      yielded = false
      proceed()
    })
  }

  function end(reason?: WaltError): void {
    if (over) return
    if (!reason) sendReplies()
    over = true
    rest = undefined
    output.end(reason)
  }

  function sendReplies(): void {
    if (!reply || replyFill === 0) return
    const full = reply
    unsentBuffers += 1
    output.send(full.subarray(0, replyFill), () => {
      unsentBuffers -= 1
      buffers.give(full)
      proceed()
    })
    reply = undefined
    replyFill = 0
  }

  /** Room for so many bytes (at most a buffer) in the reply buffer; answers where they go. */
  function roomFor(bytes: number): { into: Buffer; at: number } {
    if (reply && replyFill + bytes > reply.length) sendReplies()
    reply ??= buffers.take()
    const at = replyFill
    replyFill += bytes
    return { into: reply, at }
  }

  function answer(request: NbdRequest, error: number): void {
    const { into, at } = roomFor(nbdSimpleReplyBytes)
    encodeSimpleReply(into, at, request, error)
  }

  function failed(request: NbdRequest, thrown: unknown): number {
    onFailure(request.command, thrown)
    return nbdErrorOf(thrown)
  }

  function read(request: NbdRequest): void {
    if (nbdSimpleReplyBytes + request.length > limits.swapReadPieceBytes) {
      answer(request, nbdError.none)
      longRead = { offset: request.offset, remaining: request.length }
      continueLongRead()
      return
    }
    const { into, at } = roomFor(nbdSimpleReplyBytes + request.length)
    spent += request.length
    try {
      backend.read(into, at + nbdSimpleReplyBytes, request.length, request.offset)
      counts.readBytes += request.length
      encodeSimpleReply(into, at, request, nbdError.none)
    } catch (thrown) {
      replyFill = at
      answer(request, failed(request, thrown))
    }
  }

  /** Sends what the peer takes of a long read. Its reply has begun, so a failure can only end the connection. */
  function continueLongRead(): void {
    while (longRead && unsentBuffers < limits.swapUnsentBuffersMax) {
      if (replyFill >= limits.swapReadPieceBytes) sendReplies()
      const length = Math.min(longRead.remaining, limits.swapReadPieceBytes - replyFill)
      const { into, at } = roomFor(length)
      try {
        backend.read(into, at, length, longRead.offset)
      } catch (cause) {
        onFailure(nbdCommand.read, cause)
        end(new WaltError('swap-read-failed', 'A long read failed after its reply had begun.', { cause }))
        return
      }
      counts.readBytes += length
      longRead.offset += length
      longRead.remaining -= length
      if (longRead.remaining === 0) longRead = undefined
    }
  }

  function flush(request: NbdRequest): void {
    flushes += 1
    const done = (error: number) => {
      flushes -= 1
      if (over) return
      answer(request, error)
      sendReplies()
      proceed()
    }
    backend.flush().then(
      () => done(nbdError.none),
      (thrown) => done(failed(request, thrown)),
    )
  }

  /** Answers a request that changed the export: at once, or with FUA when it is on the disk. */
  function changed(request: NbdRequest, error: number): void {
    if (error === nbdError.none && request.flags & nbdCommandFlag.fua) flush(request)
    else answer(request, error)
  }

  function change(request: NbdRequest, act: () => void): number {
    if (request.command !== nbdCommand.write) spent += limits.swapHoleCostBytes
    try {
      act()
      return nbdError.none
    } catch (thrown) {
      return failed(request, thrown)
    }
  }

  function begin(request: NbdRequest): void {
    const { command, offset, length } = request
    spent += limits.swapRequestCostBytes
    const error = checkRequest(request, backend)
    if (command === nbdCommand.disconnect) end()
    else if (!mayServe()) end(takenOver())
    else if (command === nbdCommand.write) {
      payload = { request, done: 0, error }
      if (length === 0) endPayload()
    } else if (error !== nbdError.none) answer(request, error)
    else if (command === nbdCommand.read) read(request)
    else if (command === nbdCommand.flush) flush(request)
    else if (command === nbdCommand.cache)
      answer(
        request,
        change(request, () => backend.cache(offset, length)),
      )
    else if (command === nbdCommand.trim)
      changed(
        request,
        change(request, () => backend.trim(offset, length)),
      )
    else {
      const allocate = (request.flags & nbdCommandFlag.noHole) !== 0
      changed(
        request,
        change(request, () => backend.zero(offset, length, allocate)),
      )
    }
  }

  function endPayload(): void {
    if (!payload) return
    const { request, error } = payload
    payload = undefined
    changed(request, error)
  }

  /** Takes what a chunk has of a write's data; answers where the chunk goes on. */
  function takePayload(chunk: Buffer, at: number): number {
    if (!payload) return at
    const { request, done } = payload
    const length = Math.min(request.length - done, chunk.length - at)
    if (length === 0) return at
    if (payload.error === nbdError.none) {
      if (!mayServe()) {
        end(takenOver())
        return chunk.length
      }
      payload.error = change(request, () => backend.write(chunk, at, length, request.offset + done))
    }
    if (payload.error === nbdError.none) counts.writtenBytes += length
    payload.done += length
    spent += length
    if (payload.done === request.length) endPayload()
    return at + length
  }

  /** Takes a request's header from a chunk, or what there is of it; answers where the chunk goes on. */
  function takeHeader(chunk: Buffer, at: number): number {
    if (headerFill === 0 && chunk.length - at >= nbdRequestBytes) {
      begin(decodeRequest(chunk, at))
      return at + nbdRequestBytes
    }
    const length = Math.min(nbdRequestBytes - headerFill, chunk.length - at)
    chunk.copy(header, headerFill, at, at + length)
    headerFill += length
    if (headerFill === nbdRequestBytes) {
      headerFill = 0
      begin(decodeRequest(header, 0))
    }
    return at + length
  }

  /** `owned`: the chunk may be kept; else its memory is used for the next one. */
  function take(chunk: Buffer, owned: boolean): void {
    let at = 0
    const now = turns.enter(header)
    if (turn !== now) {
      turn = now
      spent = 0
    }
    try {
      while (!over && at < chunk.length && !stalled()) {
        at = payload ? takePayload(chunk, at) : takeHeader(chunk, at)
        yieldIfSpent()
      }
    } catch (thrown) {
      if (!(thrown instanceof WaltError)) throw thrown
      end(thrown)
    }
    if (over) return
    if (at < chunk.length) rest = owned ? chunk.subarray(at) : Buffer.from(chunk.subarray(at))
    sendReplies()
    if (stalled()) output.pause()
  }

  /** Goes on after a reply has left: first with what was begun, then with what was kept. */
  function proceed(): void {
    if (over) return
    continueLongRead()
    if (over) return
    sendReplies()
    if (stalled()) return
    const kept = rest
    rest = undefined
    if (kept) take(kept, true)
    if (!over && !rest && !stalled()) output.resume()
  }

  return {
    push(chunk) {
      if (over) return
      if (rest || stalled()) rest = rest ? Buffer.concat([rest, chunk]) : Buffer.from(chunk)
      else take(chunk, false)
    },
    stop() {
      over = true
      rest = undefined
    },
    unsent: () => unsentBuffers > 0,
  }
}

function takenOver(): WaltError {
  return new WaltError('swap-taken-over', 'A newer connection of the same boot uses this swap now.')
}
