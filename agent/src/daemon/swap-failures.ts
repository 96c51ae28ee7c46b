/**
 * Reads from swap that the kernel has given up: what was in those pages is lost, of a process or of a file in the overlay.
 * Writes that fail lose nothing, since the page stays in memory.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { limits } from '@walt/shared/limits'

/** mm/page_io.c, end_swap_bio_read(): device major:minor:sector; nbd's major is 43 (admin-guide/devices.txt). */
const failedRead = /Read-error on swap-device \(43:0:/

export type SwapFailures = { seen(): boolean; close(): void }

/** @param path /dev/kmsg: one record a read, without waiting (Documentation/ABI/testing/dev-kmsg) */
export function watchSwapFailures(path: string): SwapFailures {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const record = Buffer.alloc(limits.kernelLogRecordMaxBytes)
  let found = false

  function readRecord(): 'none' | 'overwritten' | string {
    try {
      const length = readSync(file, record, 0, record.length, null)
      return length === 0 ? 'none' : record.toString('latin1', 0, length)
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException
      if (code === 'EAGAIN') return 'none'
      // It was overwritten before it was read; the next read gets the oldest that is left.
      if (code === 'EPIPE') return 'overwritten'
      throw thrown
    }
  }

  return {
    seen() {
      for (let records = 0; records < limits.kernelLogRecordsMax && !found; records += 1) {
        const text = readRecord()
        if (text === 'none') break
        found = failedRead.test(text)
      }
      return found
    },
    close: () => closeSync(file),
  }
}
