import { describe, expect, it } from 'vitest'
import { bootModeOf, diskNames } from './disks.ts'

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

describe('disks to look at', () => {
  it('are all but those that are no disk of the machine, in order', () => {
    const names = ['sda10', 'loop0', 'nbd0', 'sda2', 'ram1', 'zram0', 'sr0', 'dm-0', 'md0', 'sda', 'ubda1']
    expect(diskNames(names)).toEqual(['sda', 'sda2', 'sda10', 'ubda1'])
  })

  it('are looked at up to a bound', () => {
    expect(diskNames(Array.from({ length: 1000 }, (_, index) => `sd${index}`))).toHaveLength(64)
  })
})
