import { nbdError } from '@walt/shared/nbd-transmission'

/**
 * What stands behind an export. Ranges were checked at the edge (`checkRequest`) and lie inside `sizeBytes`.
 * `read`, `write`, `trim` and `zero` are synchronous: against the page cache that is faster than the thread pool, which
 * took 0.66 times the operations a second. `flush` waits for the disk, so it is not.
 */
export type SwapBackend = {
  readonly sizeBytes: number
  /** Whether `trim`, `zero` and `cache` can be had. */
  readonly holes: boolean
  read: (into: Buffer, at: number, length: number, offset: number) => void
  write: (from: Buffer, at: number, length: number, offset: number) => void
  trim: (offset: number, length: number) => void
  /** With `allocate` the blocks stay the file's own (NBD_CMD_FLAG_NO_HOLE). */
  zero: (offset: number, length: number, allocate: boolean) => void
  /** Hints that the range will be read soon. */
  cache: (offset: number, length: number) => void
  flush: () => Promise<void>
}

const noSpaceCodes = new Set(['swap-quota-full', 'swap-no-space', 'ENOSPC', 'EDQUOT', 'EFBIG'])

/** The error number that tells a client what a backend threw. */
export function nbdErrorOf(thrown: unknown): number {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  if (noSpaceCodes.has(code)) return nbdError.noSpace
  if (code === 'swap-closed') return nbdError.shutdown
  return nbdError.inputOutput
}
