/**
 * Accounts of disk space, asked before anything is written, so that a node hears ENOSPC early and clean. One for each
 * swap file, within one for all.
 */

/** Shares of a limit. */
const highShare = 0.8
const normalShare = 0.75
const roomAgainShare = 0.9

export type Quota = {
  /** Takes bytes if they fit here and in what this is part of. */
  reserve: (bytes: number) => boolean
  /** Takes bytes that are in use already: found in a file of an earlier run. */
  charge: (bytes: number) => void
  release: (bytes: number) => void
  usedBytes: () => number
}

/** `high` from 80 % on, `full` when something was refused, `normal` when it has become less again. */
export type SpaceLevel = 'normal' | 'high' | 'full'

/** Pure: the level after a use; it falls later than it rises, so that one that wavers is told once. */
export function nextLevel(level: SpaceLevel, share: number, refused: boolean): SpaceLevel {
  if (refused || (level === 'full' && share >= roomAgainShare)) return 'full'
  if (share >= highShare) return 'high'
  return level !== 'normal' && share >= normalShare ? 'high' : 'normal'
}

export function createQuota(options: {
  /** `fresh` where the answer decides about a refusal. */
  limitBytes: (usedBytes: number, fresh: boolean) => number
  within?: Quota
  /** Called when the level changes. */
  onLevel: (level: SpaceLevel, usedBytes: number, limitBytes: number) => void
}): Quota & { check: () => void } {
  const { limitBytes, within, onLevel } = options
  let used = 0
  let level: SpaceLevel = 'normal'

  function judge(refused: boolean): void {
    const limit = limitBytes(used, false)
    const next = nextLevel(level, limit > 0 ? used / limit : 1, refused)
    if (next === level) return
    level = next
    onLevel(level, used, limit)
  }

  return {
    reserve(bytes) {
      const fits = used + bytes <= limitBytes(used, false) || used + bytes <= limitBytes(used, true)
      if (fits && within && !within.reserve(bytes)) return false
      if (fits) used += bytes
      judge(!fits)
      return fits
    },
    charge(bytes) {
      used += bytes
      within?.charge(bytes)
      judge(false)
    },
    release(bytes) {
      used -= bytes
      within?.release(bytes)
      judge(false)
    },
    usedBytes: () => used,
    /** The limit may have changed by itself. */
    check: () => judge(false),
  }
}
