import { limits } from '@walt/shared/limits'

const blockBytes = limits.swapBlockBytes

/**
 * Which blocks of a sparse file hold data: one bit a block, so that a write knows without a system call what it adds to
 * the quota. 16 GiB take 512 KiB, of which the kernel backs only the pages that are touched.
 */
export type AllocationMap = {
  /** Bytes of the blocks that the range touches and that hold nothing yet. */
  missingBytes: (offset: number, length: number) => number
  add: (offset: number, length: number) => void
  /** Forgets the blocks that lie wholly inside the range; answers how many bytes they held. */
  remove: (offset: number, length: number) => number
  bytes: () => number
}

export function createAllocationMap(sizeBytes: number): AllocationMap {
  const bits = new Uint8Array(Math.ceil(sizeBytes / blockBytes / 8))
  let blocks = 0

  /** Calls `visit` for each byte of the map and the bits of it that the blocks `first` to `end` have there. */
  function eachByte(first: number, end: number, visit: (index: number, mask: number) => void): void {
    for (let block = first; block < end; ) {
      const index = Math.floor(block / 8)
      const until = Math.min(end, (index + 1) * 8)
      visit(index, ((1 << (until - block)) - 1) << (block % 8))
      block = until
    }
  }

  const firstTouched = (offset: number) => Math.floor(offset / blockBytes)
  const endTouched = (offset: number, length: number) => Math.ceil((offset + length) / blockBytes)

  return {
    missingBytes(offset, length) {
      let missing = 0
      eachByte(firstTouched(offset), endTouched(offset, length), (index, mask) => {
        missing += bitCount(mask & ~(bits[index] ?? 0))
      })
      return missing * blockBytes
    },
    add(offset, length) {
      eachByte(firstTouched(offset), endTouched(offset, length), (index, mask) => {
        const before = bits[index] ?? 0
        blocks += bitCount(mask & ~before)
        bits[index] = before | mask
      })
    },
    remove(offset, length) {
      let removed = 0
      const first = Math.ceil(offset / blockBytes)
      const end = Math.floor((offset + length) / blockBytes)
      eachByte(first, end, (index, mask) => {
        const before = bits[index] ?? 0
        removed += bitCount(mask & before)
        bits[index] = before & ~mask
      })
      blocks -= removed
      return removed * blockBytes
    },
    bytes: () => blocks * blockBytes,
  }
}

function bitCount(byte: number): number {
  let count = 0
  for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1
  return count
}
