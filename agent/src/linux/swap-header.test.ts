import { describe, expect, it } from 'vitest'
import { encodeSwapHeader } from './swap-header.ts'

describe('swap header', () => {
  it('has the signature at the end of the page, version 1 and the last page', () => {
    const page = Buffer.from(encodeSwapHeader({ sizeBytes: 16 * 1024 ** 3, pageBytes: 4096 }))
    expect(page).toHaveLength(4096)
    expect(page.toString('latin1', 4086)).toBe('SWAPSPACE2')
    expect(page.readUInt32LE(1024)).toBe(1)
    expect(page.readUInt32LE(1028)).toBe(4 * 1024 ** 2 - 1)
    expect(page.readUInt32LE(1032)).toBe(0)
  })

  it('follows the page size of the machine', () => {
    const page = Buffer.from(encodeSwapHeader({ sizeBytes: 1024 ** 3, pageBytes: 65_536 }))
    expect(page.toString('latin1', 65_526)).toBe('SWAPSPACE2')
    expect(page.readUInt32LE(1028)).toBe(16_383)
  })

  it('refuses a device too small for swap', () => {
    expect(() => encodeSwapHeader({ sizeBytes: 4096, pageBytes: 4096 })).toThrow('too few for swap')
  })
})
