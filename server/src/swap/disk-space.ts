/** The disk under the swap files: what may be used of it. */
import fs from 'node:fs'
import { WaltError } from '@walt/shared/errors'

/** statfs(2), f_type. */
const memoryFileSystems = new Map([
  [0x0102_1994, 'tmpfs'],
  [0x8584_58f6, 'ramfs'],
])

/** Swap in this machine's memory would take what it is to save, and be gone with a restart. @throws WaltError `swap-on-tmpfs` */
export function refuseMemoryFileSystem(folder: string): void {
  const name = memoryFileSystems.get(fs.statfsSync(folder).type)
  if (name === undefined) return
  throw new WaltError(
    'swap-on-tmpfs',
    `The swap files of the nodes cannot be in ${folder}: it is on ${name}, so in this machine's memory. Name a state folder on a disk (state: in the configuration).`,
  )
}

/** What programs without privileges may still take of the file system. */
export function freeDiskBytes(folder: string): number {
  const { bavail, bsize } = fs.statfsSync(folder)
  return bavail * bsize
}

/**
 * The most that all swap files may hold together: their quota, or less where the disk has no more than its reserve left
 * beside them. The disk is asked by `refresh`, and when somebody would be refused.
 */
export function createSpaceLimit(options: {
  quotaBytes: number
  reserveBytes: number
  freeBytes: () => number
}): { limitBytes: (usedBytes: number, fresh: boolean) => number; refresh: (usedBytes: number) => void } {
  const { quotaBytes, reserveBytes, freeBytes } = options
  let diskBytes = Number.POSITIVE_INFINITY
  function refresh(usedBytes: number): void {
    diskBytes = usedBytes + Math.max(0, freeBytes() - reserveBytes)
  }
  return {
    limitBytes(usedBytes, fresh) {
      if (fresh && diskBytes < quotaBytes) refresh(usedBytes)
      return Math.min(quotaBytes, diskBytes)
    },
    refresh,
  }
}
