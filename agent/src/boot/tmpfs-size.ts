/** How large the root's tmpfs may be. Pure. */
import type { BootSettings } from '@walt/shared/kernel-command-line'
import { limits } from '@walt/shared/limits'

const pageBytes = 4096

/** As tmpfs(5) takes it. */
export function tmpfsSizeOption(tmpfs: BootSettings['tmpfs']): string {
  return 'percent' in tmpfs ? `${tmpfs.percent}%` : String(tmpfs.bytes)
}

/** Small files must not fill the RAM either: an inode stays in it, whatever swap there is. */
export function tmpfsInodes(memoryBytes: number): number {
  return Math.floor(memoryBytes / limits.tmpfsInodeBytes)
}

/**
 * With swap: the same share of RAM and swap together, so that programs have the rest; up to `walt.tmpfs.swap=`, and never
 * less than without. Half, where `walt.tmpfs=` gives bytes and no share.
 */
export function tmpfsBytesWithSwap(has: {
  memoryBytes: number
  /** Of the swap that was really attached. */
  swapBytes: number
  tmpfs: BootSettings['tmpfs']
  tmpfsSwapBytes: number
}): number {
  const { memoryBytes, swapBytes, tmpfs, tmpfsSwapBytes } = has
  const share = 'percent' in tmpfs ? tmpfs.percent / 100 : 0.5
  const least = 'percent' in tmpfs ? share * memoryBytes : tmpfs.bytes
  const bytes = Math.max(least, Math.min(tmpfsSwapBytes, share * (memoryBytes + swapBytes)))
  return Math.floor(bytes / pageBytes) * pageBytes
}
