import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tmpfsBytesWithSwap, tmpfsInodes, tmpfsSizeOption } from './tmpfs-size.ts'

const [megabyte, gigabyte] = [1024 ** 2, 1024 ** 3]
const node = {
  memoryBytes: 460 * megabyte,
  swapBytes: 16 * gigabyte,
  tmpfs: { percent: 50 },
  tmpfsSwapBytes: 8 * gigabyte,
}

describe('size of the tmpfs', () => {
  it('is as the command line has it, with inodes for what the RAM holds', () => {
    expect(tmpfsSizeOption({ percent: 50 })).toBe('50%')
    expect(tmpfsSizeOption({ bytes: 4096 })).toBe('4096')
    expect(tmpfsInodes(512 * megabyte)).toBe(65_536)
  })

  it('is WalT’s 8 GiB with the swap that a node has unless told otherwise', () => {
    expect(tmpfsBytesWithSwap(node)).toBe(8 * gigabyte)
  })

  it('leaves half of a small swap to programs', () => {
    expect(tmpfsBytesWithSwap({ ...node, swapBytes: gigabyte })).toBe((230 + 512) * megabyte)
  })

  it('is what was asked for, where that is less', () => {
    expect(tmpfsBytesWithSwap({ ...node, tmpfsSwapBytes: gigabyte })).toBe(gigabyte)
    expect(tmpfsBytesWithSwap({ ...node, tmpfs: { percent: 100 }, swapBytes: gigabyte })).toBe(
      (460 + 1024) * megabyte,
    )
  })

  it('never shrinks the root of a large machine', () => {
    expect(tmpfsBytesWithSwap({ ...node, memoryBytes: 64 * gigabyte })).toBe(32 * gigabyte)
    expect(tmpfsBytesWithSwap({ ...node, tmpfs: { bytes: 12 * gigabyte } })).toBe(12 * gigabyte)
  })

  it('for any machine: whole pages, at least as without swap, and within RAM and swap', () => {
    const bytes = fc.integer({ min: megabyte, max: 1024 * gigabyte })
    const percent = fc.integer({ min: 1, max: 100 })
    fc.assert(
      fc.property(bytes, bytes, bytes, percent, (memoryBytes, swapBytes, tmpfsSwapBytes, share) => {
        const size = tmpfsBytesWithSwap({
          ...{ memoryBytes, swapBytes, tmpfsSwapBytes },
          tmpfs: { percent: share },
        })
        expect(size % 4096).toBe(0)
        expect(size).toBeGreaterThan((memoryBytes * share) / 100 - 4096 - 1)
        expect(size).toBeLessThanOrEqual(memoryBytes + swapBytes)
      }),
    )
  })
})
