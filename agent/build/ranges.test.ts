import { describe, expect, it } from 'vitest'
import { joinPages, presentPages } from './ranges.ts'

const options = { pageBytes: 10, gapBytes: 20, sizeBytes: 95 }
const pages = (text: string) => Array.from(text, (one) => one === 'x')

describe('ranges of a start', () => {
  it('join over small gaps and keep large ones', () => {
    expect(joinPages(pages('.x..x...x'), options)).toEqual([
      { offset: 10, length: 40 },
      { offset: 80, length: 10 },
    ])
  })

  it('end with the file', () => {
    expect(joinPages(pages('.........x'), options)).toEqual([{ offset: 90, length: 5 }])
  })

  it('read the present bit of each page map entry', () => {
    const entries = Buffer.alloc(16)
    entries.writeBigUInt64LE(1n << 63n, 8)
    expect(presentPages(entries)).toEqual([false, true])
  })
})
