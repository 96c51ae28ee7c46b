import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import {
  decodeSimpleReply,
  encodeRequest,
  type NbdRequest,
  nbdCommand,
  nbdCommandFlag,
  nbdError,
} from '@walt/shared/nbd-transmission'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SwapBackend } from './backend.ts'
import { createFaultLayer, type Fault, type FaultedOperation } from './fault-layer.ts'
import { createReplyBuffers } from './reply-buffers.ts'
import { createTransmission } from './transmission.ts'
import { createTurns } from './turns.ts'

const sizeBytes = 2 * 1024 ** 2

function memoryBackend(): SwapBackend & { bytes: Buffer } {
  const bytes = Buffer.alloc(sizeBytes)
  return {
    bytes,
    sizeBytes,
    holes: true,
    read: (into, at, length, offset) => void bytes.copy(into, at, offset, offset + length),
    write: (from, at, length, offset) => void from.copy(bytes, offset, at, at + length),
    trim: (offset, length) => void bytes.fill(0, offset, offset + length),
    zero: (offset, length) => void bytes.fill(0, offset, offset + length),
    cache: () => undefined,
    flush: async () => undefined,
  }
}

/** A connection to a transmission over `backend`, whose peer takes replies at once or, with `slow`, when told to. */
function connect(backend: SwapBackend, slow = false) {
  const received: Buffer[] = []
  const untaken: (() => void)[] = []
  const failures: unknown[] = []
  let ended: { reason: WaltError | undefined } | undefined
  let paused = false
  let mostUntaken = 0
  let mayServe = true
  const transmission = createTransmission({
    backend,
    buffers: createReplyBuffers(),
    turns: createTurns(),
    output: {
      send(bytes, sent) {
        received.push(Buffer.from(bytes))
        untaken.push(sent)
        mostUntaken = Math.max(mostUntaken, untaken.length)
        if (!slow) queueMicrotask(() => untaken.shift()?.())
      },
      pause: () => {
        paused = true
      },
      resume: () => {
        paused = false
      },
      end: (reason) => {
        expect(ended).toBeUndefined()
        ended = { reason }
      },
    },
    mayServe: () => mayServe,
    counts: { readBytes: 0, writtenBytes: 0 },
    onFailure: (_command, thrown) => failures.push(thrown),
  })
  return {
    push: transmission.push,
    failures,
    takeOne: () => untaken.shift()?.(),
    output: () => Buffer.concat(received),
    ended: () => ended,
    paused: () => paused,
    mostUntaken: () => mostUntaken,
    takeOver: () => {
      mayServe = false
    },
    /** Until nothing moves any more: all that a transmission over memory does is done in microtasks and turns. */
    async settle() {
      for (let turns = 0; turns < 20; turns += 1) {
        for (let tasks = 0; tasks < 200; tasks += 1) await Promise.resolve()
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}

let cookie = 0
function request(command: number, offset: number, length: number, flags = 0): NbdRequest {
  cookie += 1
  return { command, flags, cookieHigh: 0xabcd, cookieLow: cookie, offset, length }
}
const read = (offset: number, length: number) => encodeRequest(request(nbdCommand.read, offset, length))
const write = (offset: number, data: Buffer, flags = 0) =>
  Buffer.concat([encodeRequest(request(nbdCommand.write, offset, data.length, flags)), data])
const plain = (command: number, offset = 0, length = 0, flags = 0) =>
  encodeRequest(request(command, offset, length, flags))

const errorsOf = (output: Buffer) =>
  Array.from({ length: output.length / 16 }, (_, index) => decodeSimpleReply(output, index * 16).error)

describe('transmission', () => {
  it('answers all requests of a chunk in one write, in turn', async () => {
    const backend = memoryBackend()
    const peer = connect(backend, true)
    peer.push(Buffer.concat([write(4096, Buffer.alloc(4096, 5)), read(4096, 4096), read(0, 10)]))
    expect(peer.mostUntaken()).toBe(1)
    const output = peer.output()
    expect(output.length).toBe(16 + 16 + 4096 + 16 + 10)
    expect(output.subarray(32, 32 + 4096)).toEqual(Buffer.alloc(4096, 5))
    const first = decodeSimpleReply(output, 0).cookieLow
    expect(decodeSimpleReply(output, 16).cookieLow).toBe(first + 1)
    expect(decodeSimpleReply(output, 32 + 4096).cookieLow).toBe(first + 2)
  })

  it('stores a write that comes in pieces without gathering it, and a failed one to its end', async () => {
    const backend = memoryBackend()
    let fault: Fault
    const peer = connect(createFaultLayer(backend, () => fault))
    const whole = write(0, Buffer.alloc(300_000, 9))
    peer.push(whole.subarray(0, 20))
    peer.push(whole.subarray(20, 100_000))
    expect(backend.bytes[90_000]).toBe(9)
    fault = { code: 'ENOSPC' }
    peer.push(whole.subarray(100_000, 200_000))
    fault = undefined
    peer.push(Buffer.concat([whole.subarray(200_000), plain(nbdCommand.flush)]))
    await peer.settle()
    expect(errorsOf(peer.output())).toEqual([nbdError.noSpace, nbdError.none])
    expect(peer.failures).toHaveLength(1)
  })

  it('takes the data of a refused write off the stream, so that the next request is understood', async () => {
    const peer = connect(memoryBackend())
    peer.push(Buffer.concat([write(sizeBytes, Buffer.alloc(5000, 1)), write(0, Buffer.alloc(1)), plain(77)]))
    await peer.settle()
    expect(errorsOf(peer.output())).toEqual([nbdError.noSpace, nbdError.none, nbdError.invalid])
  })

  it('names what failed by the error number', async () => {
    const codes: Partial<Record<FaultedOperation, 'EIO' | 'ENOSPC'>> = {
      read: 'EIO',
      write: 'ENOSPC',
      trim: 'EIO',
      zero: 'ENOSPC',
      flush: 'EIO',
    }
    const layer = createFaultLayer(memoryBackend(), (operation) => {
      const code = codes[operation]
      return code ? { code } : undefined
    })
    const peer = connect(layer)
    peer.push(
      Buffer.concat([
        read(0, 10),
        write(0, Buffer.alloc(10)),
        plain(nbdCommand.trim, 0, 10),
        plain(nbdCommand.writeZeroes, 0, 10),
      ]),
    )
    peer.push(plain(nbdCommand.flush))
    await peer.settle()
    expect(errorsOf(peer.output())).toEqual([5, 28, 5, 28, 5])
  })

  it('answers FUA only after a flush, and others meanwhile', async () => {
    const backend = memoryBackend()
    let onDisk: () => void = () => undefined
    const disk = new Promise<void>((resolve) => {
      onDisk = resolve
    })
    const peer = connect({ ...backend, flush: () => disk })
    peer.push(Buffer.concat([write(0, Buffer.alloc(10, 1), nbdCommandFlag.fua), read(0, 10)]))
    await peer.settle()
    expect(peer.output().length).toBe(26)
    onDisk()
    await peer.settle()
    expect(peer.output().length).toBe(26 + 16)
  })

  it('stops reading from a peer with too many flushes under way, and goes on after them', async () => {
    let onDisk: () => void = () => undefined
    const disk = new Promise<void>((resolve) => {
      onDisk = resolve
    })
    const peer = connect({ ...memoryBackend(), flush: () => disk })
    const count = limits.swapFlushesMax + 10
    peer.push(Buffer.concat(Array.from({ length: count }, () => plain(nbdCommand.flush))))
    expect(peer.paused()).toBe(true)
    onDisk()
    await peer.settle()
    expect(peer.paused()).toBe(false)
    expect(errorsOf(peer.output())).toEqual(Array.from({ length: count }, () => 0))
  })

  it('keeps a bounded number of replies for a slow peer, then gives it every byte', async () => {
    const backend = memoryBackend()
    backend.bytes.forEach((_, index) => {
      backend.bytes[index] = (index * 7 + (index >> 12)) & 0xff
    })
    const peer = connect(backend, true)
    peer.push(Buffer.concat([read(1, sizeBytes - 1), read(0, 4096), plain(nbdCommand.flush)]))
    expect(peer.paused()).toBe(true)
    await peer.settle()
    for (let turns = 0; turns < 40; turns += 1) {
      peer.takeOne()
      await peer.settle()
    }
    expect(peer.mostUntaken()).toBeLessThanOrEqual(limits.swapUnsentBuffersMax + 1)
    expect(peer.paused()).toBe(false)
    const output = peer.output()
    expect(output.length).toBe(16 + sizeBytes - 1 + 16 + 4096 + 16)
    expect(output.subarray(16, 16 + sizeBytes - 1).equals(backend.bytes.subarray(1))).toBe(true)
  })

  it('can only hang up when a long read fails after its reply has begun', () => {
    let reads = 0
    const layer = createFaultLayer(memoryBackend(), (operation) => {
      if (operation !== 'read') return undefined
      reads += 1
      return reads > 1 ? { code: 'EIO' } : undefined
    })
    const peer = connect(layer)
    peer.push(read(0, sizeBytes))
    expect(peer.ended()?.reason?.code).toBe('swap-read-failed')
  })

  it('ends politely at a disconnect, and at once when the stream has no meaning', () => {
    const polite = connect(memoryBackend())
    polite.push(Buffer.concat([write(0, Buffer.alloc(10)), plain(nbdCommand.disconnect), read(0, 10)]))
    expect(polite.ended()).toEqual({ reason: undefined })
    expect(errorsOf(polite.output())).toEqual([nbdError.none])
    const rude = connect(memoryBackend())
    rude.push(Buffer.from('GET / HTTP/1.1\r\nHost: somewhere\r\n\r\n'))
    expect(rude.ended()?.reason?.code).toBe('nbd-protocol')
  })

  it('lets no connection write that a newer one has taken over from', () => {
    const backend = memoryBackend()
    const peer = connect(backend)
    const whole = write(0, Buffer.alloc(1000, 3))
    peer.push(whole.subarray(0, 528))
    peer.takeOver()
    peer.push(whole.subarray(528))
    expect(peer.ended()?.reason?.code).toBe('swap-taken-over')
    expect(backend.bytes.subarray(499, 501)).toEqual(Buffer.from([3, 0]))
  })

  it('gives the same answers and the same content however the stream is cut', async () => {
    const operation = fc.record({
      kind: fc.constantFrom('read', 'write', 'trim', 'zero', 'flush', 'other'),
      offset: fc.nat(sizeBytes + 1000),
      length: fc.oneof(fc.nat(5000), fc.nat(400_000)),
      byte: fc.nat(255),
    })
    const chunks = (stream: Buffer, cuts: readonly number[]) => {
      const at = [
        0,
        ...cuts.map((cut) => Math.min(cut, stream.length)).toSorted((a, b) => a - b),
        stream.length,
      ]
      return at.slice(1).map((end, index) => stream.subarray(at[index], end))
    }
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 12 }),
        fc.array(fc.nat(600_000), { maxLength: 12 }),
        async (operations, cuts) => {
          const stream = Buffer.concat(
            operations.map(({ kind, offset, length, byte }) => {
              if (kind === 'write') return write(offset, Buffer.alloc(length, byte))
              if (kind === 'read') return read(offset, length)
              if (kind === 'trim') return plain(nbdCommand.trim, offset, length)
              if (kind === 'zero') return plain(nbdCommand.writeZeroes, offset, length)
              return kind === 'flush' ? plain(nbdCommand.flush) : plain(byte + 7, offset, length)
            }),
          )
          const [whole, cut] = [memoryBackend(), memoryBackend()]
          const [one, other] = [connect(whole), connect(cut)]
          one.push(stream)
          for (const chunk of chunks(stream, cuts)) if (chunk.length > 0) other.push(chunk)
          await one.settle()
          await other.settle()
          expect(cut.bytes.equals(whole.bytes)).toBe(true)
          expect(other.output().length).toBe(one.output().length)
          expect([one.ended(), other.ended(), one.paused(), other.paused()]).toEqual([
            undefined,
            undefined,
            false,
            false,
          ])
        },
      ),
      { numRuns: 60 },
    )
  })

  it('throws nothing at garbage and touches nothing outside the export', () => {
    const header = fc
      .record({
        command: fc.nat(9),
        flags: fc.nat(31),
        offset: fc.oneof(fc.nat(sizeBytes), fc.maxSafeNat()),
        length: fc.oneof(fc.nat(10_000), fc.nat(0xffff_ffff)),
      })
      .map((given) => encodeRequest({ ...given, cookieHigh: 0, cookieLow: 0 }))
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      header,
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const inside = createFaultLayer(memoryBackend(), (operation, offset, length) => {
          if (operation !== 'flush') {
            expect(offset).toBeGreaterThanOrEqual(0)
            expect(offset + length).toBeLessThanOrEqual(sizeBytes)
          }
          return undefined
        })
        const peer = connect(inside)
        for (const one of pieces) peer.push(one)
        expect(peer.failures).toEqual([])
        const reason = peer.ended()?.reason
        if (reason) expect(reason).toBeInstanceOf(WaltError)
      }),
    )
  })
})
