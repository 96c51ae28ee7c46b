import type { Socket } from 'node:net'
import { createLineReader } from '@walt/shared/control'

export type NextLine = { kind: 'line'; line: string } | { kind: 'timeout' } | { kind: 'end' }
export type NextBytes = { kind: 'bytes'; bytes: Buffer } | { kind: 'timeout' } | { kind: 'end' }

/**
 * What a peer sends: a line at a time while it makes requests, as bytes while it has a shell. Reading on demand only
 * (paused mode), so that a peer which sends without end is held back by TCP and costs one buffer.
 */
export function createControlInput(socket: Socket) {
  const reader = createLineReader()
  const lines: string[] = []
  let chunk: Buffer = Buffer.alloc(0)

  /** Feeds the reader up to a newline, so that what follows a request is untouched: it may be meant for a shell. */
  function takeLines(): void {
    const newline = chunk.indexOf(0x0a)
    const end = newline < 0 ? chunk.length : newline + 1
    lines.push(...reader.push(chunk.subarray(0, end)))
    chunk = chunk.subarray(end)
  }

  /** A request must be complete by the deadline; a byte now and then does not move it. */
  async function nextLine(timeoutMs: number): Promise<NextLine> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const line = lines.shift()
      if (line !== undefined) return { kind: 'line', line }
      if (chunk.length === 0) {
        const next = await readChunk(socket, deadline - performance.now())
        if (next.kind !== 'bytes') return next
        chunk = next.bytes
      }
      takeLines()
    }
  }

  /** Stopped by `signal` it says `timeout`, and has taken nothing. */
  async function nextBytes(timeoutMs: number, signal?: AbortSignal): Promise<NextBytes> {
    if (chunk.length === 0) return readChunk(socket, timeoutMs, signal)
    const bytes = chunk
    chunk = Buffer.alloc(0)
    return { kind: 'bytes', bytes }
  }

  return { nextLine, nextBytes }
}

export type ControlInput = ReturnType<typeof createControlInput>

function readChunk(socket: Socket, timeoutMs: number, signal?: AbortSignal): Promise<NextBytes> {
  return new Promise((resolve) => {
    function look(): boolean {
      const bytes: Buffer | null = socket.read()
      if (bytes !== null) settle({ kind: 'bytes', bytes })
      else if (socket.readableEnded || socket.destroyed) settle({ kind: 'end' })
      return bytes !== null || socket.readableEnded || socket.destroyed
    }
    function settle(next: NextBytes): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      for (const event of ['readable', 'end', 'close']) socket.off(event, look)
      resolve(next)
    }
    const stop = () => settle({ kind: 'timeout' })
    const timer = setTimeout(stop, Math.max(0, timeoutMs))
    if (signal?.aborted) return stop()
    if (look()) return
    signal?.addEventListener('abort', stop)
    for (const event of ['readable', 'end', 'close']) socket.on(event, look)
  })
}
