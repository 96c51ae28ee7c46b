import { describe, expect, it } from 'vitest'
import { bootModeOf } from './disks.ts'

describe('boot mode of a disk', () => {
  it.each([
    [false, false, 'network'],
    [false, true, 'network'],
    [true, false, 'hybrid-volatile'],
    [true, true, 'hybrid-persistent'],
  ])('walt_hybrid %s, .persistent %s: %s', (hybrid, persistent, mode) => {
    expect(bootModeOf({ hybrid, persistent })).toBe(mode)
  })
})
