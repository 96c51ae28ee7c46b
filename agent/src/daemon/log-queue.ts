/**
 * Log lines of the node's programs on their way to the server: in batches of one stream, in order, each kept until the
 * broker has it. While the server is away they wait, up to a bound; then the oldest go, and are counted.
 */
import { limits } from '@walt/shared/limits'
import type { NodeLines } from '@walt/shared/payloads'

type Line = NodeLines['lines'][number]
type Waiting = Line & { stream: string; bytes: number }

export type LogQueue = {
  add(stream: string, message: string): void
  /** Sends what waits; resolves when nothing more can be sent now. */
  flush(): Promise<void>
}

export function createLogQueue(options: {
  nowMs: () => number
  connected: () => boolean
  /** True when the broker has it. */
  publish: (lines: NodeLines) => Promise<boolean>
}): LogQueue {
  const { nowMs, connected, publish } = options
  let waiting: Waiting[] = []
  let bytes = 0
  const dropped = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined
  let sending: Promise<void> | undefined

  function dropOldest(): void {
    let count = 0
    while (bytes > limits.agentLogMaxBytes || waiting.length - count > limits.agentLogLinesMax) {
      const line = waiting[count]
      if (!line) break
      bytes -= line.bytes
      dropped.set(line.stream, (dropped.get(line.stream) ?? 0) + 1)
      count += 1
    }
    if (count > 0) waiting = waiting.slice(count)
  }

  /** The longest beginning of what waits that is of one stream and fits into a message. */
  function nextBatch(): Waiting[] {
    const stream = waiting[0]?.stream
    let size = 0
    const end = waiting.findIndex((line, index) => {
      size += line.bytes
      const full = index >= limits.logLinesBatchMax || (index > 0 && size > limits.agentLogBatchMaxBytes)
      return full || line.stream !== stream
    })
    return end < 0 ? waiting : waiting.slice(0, end)
  }

  async function send(): Promise<void> {
    while (connected()) {
      const batch = nextBatch()
      const stream = batch[0]?.stream
      if (stream === undefined) return
      const lost = dropped.get(stream) ?? 0
      dropped.delete(stream)
      // Taken out first: what is dropped meanwhile must not be what is being sent.
      waiting = waiting.slice(batch.length)
      const lines = batch.map(({ at, message }) => ({ at, message }))
      if (await publish({ stream, lines, ...(lost > 0 && { dropped: lost }) })) {
        for (const line of batch) bytes -= line.bytes
        continue
      }
      waiting = [...batch, ...waiting]
      if (lost > 0) dropped.set(stream, lost + (dropped.get(stream) ?? 0))
      dropOldest()
      return
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    sending ??= send().finally(() => {
      sending = undefined
    })
    return sending
  }

  return {
    add(stream, message) {
      // A line in memory is more than its text.
      const line = { at: nowMs(), stream, message, bytes: Buffer.byteLength(message) + 64 }
      waiting.push(line)
      bytes += line.bytes
      if (bytes > limits.agentLogMaxBytes || waiting.length > limits.agentLogLinesMax) dropOldest()
      timer ??= setTimeout(() => void flush(), limits.agentLogSendMs)
    },
    flush,
  }
}
