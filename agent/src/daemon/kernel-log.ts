import { closeSync, constants, openSync, readSync } from 'node:fs'
import { limits } from '@walt/shared/limits'

const recordMaxBytes = 8192

/**
 * The kernel log as `dmesg` shows it, in parts of some kilobytes. `path` is /dev/kmsg, which gives one record a read
 * (Documentation/ABI/testing/dev-kmsg): no process, and a slow reader costs one part.
 */
export function* readKernelLog(path: string): Generator<string> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const buffer = Buffer.alloc(recordMaxBytes)
    let part = ''
    let total = 0
    for (;;) {
      const record = readRecord(fd, buffer)
      if (record === 'end') break
      if (record === 'overwritten') continue
      part += formatKernelLogRecord(record)
      if (part.length < recordMaxBytes) continue
      yield part
      total += part.length
      part = ''
      // A kernel that logs faster than the peer reads must not keep us for ever.
      if (total >= limits.controlDmesgMaxBytes) break
    }
    if (part !== '') yield part
  } finally {
    closeSync(fd)
  }
}

function readRecord(fd: number, buffer: Buffer): string | 'end' | 'overwritten' {
  try {
    const length = readSync(fd, buffer)
    return length === 0 ? 'end' : buffer.toString('utf8', 0, length)
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code
    if (code === 'EAGAIN') return 'end'
    if (code === 'EPIPE') return 'overwritten'
    throw thrown
  }
}

/** `6,339,5140900,-;NET: Registered` to `[    5.140900] NET: Registered`; lines after the first are key=value pairs. */
export function formatKernelLogRecord(record: string): string {
  const match = /^\d+,\d+,(\d+),[^;]*;([^\n]*)/.exec(record)
  if (!match) return ''
  const microseconds = match[1]!.padStart(7, '0')
  const seconds = microseconds.slice(0, -6).padStart(5)
  return `[${seconds}.${microseconds.slice(-6)}] ${match[2]}\n`
}

/** The newest lines that fit. */
export function kernelLogTail(maxBytes: number, parts: Iterable<string>): string {
  let tail = ''
  for (const part of parts) {
    tail += part
    if (tail.length > 2 * maxBytes) tail = tail.slice(-maxBytes)
  }
  if (Buffer.byteLength(tail) <= maxBytes) return tail
  const bytes = Buffer.from(tail).subarray(-maxBytes)
  return bytes.subarray(bytes.indexOf(0x0a) + 1).toString()
}
