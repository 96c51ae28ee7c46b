/** Bytes that all swap files may hold together. */
export type Quota = {
  /** Takes bytes if they fit. */
  reserve: (bytes: number) => boolean
  /** Takes bytes that are in use already: found in a file of an earlier run. */
  charge: (bytes: number) => void
  release: (bytes: number) => void
  usedBytes: () => number
}

/** `onFull` is called once when a reservation first fails, and again only after use has gone below nine tenths. */
export function createQuota(totalBytes: number, onFull: () => void): Quota {
  let used = 0
  let full = false
  return {
    reserve(bytes) {
      if (used + bytes <= totalBytes) {
        used += bytes
        return true
      }
      if (!full) {
        full = true
        onFull()
      }
      return false
    },
    charge(bytes) {
      used += bytes
    },
    release(bytes) {
      used -= bytes
      if (used < totalBytes * 0.9) full = false
    },
    usedBytes: () => used,
  }
}
