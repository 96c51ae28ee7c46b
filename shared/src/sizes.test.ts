import fc from 'fast-check'
import { expect, it } from 'vitest'
import { WaltError } from './errors.ts'
import { formatSize, humanSize, parseSize } from './sizes.ts'

it('reads sizes as the users of kernel and QEMU write them', () => {
  expect([parseSize('512M'), parseSize('16g'), parseSize('65536'), parseSize('4K')]).toEqual([
    512 * 1024 ** 2,
    16 * 1024 ** 3,
    65_536,
    4096,
  ])
})

it('refuses what is no size, and what no number holds', () => {
  for (const text of [
    '',
    '0',
    '0G',
    '-1G',
    '1.5G',
    '1 G',
    '16GB',
    '1e3',
    ' 1G',
    '1G\n',
    '9007199254740993',
    '999999T',
  ])
    expect(() => parseSize(text)).toThrow(WaltError)
})

it('writes the shortest form that is read back as the same number', () => {
  expect([formatSize(16 * 1024 ** 3), formatSize(1536 * 1024 ** 2), formatSize(1000)]).toEqual([
    '16G',
    '1536M',
    '1000',
  ])
  fc.assert(
    fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), fc.nat(4), (number, power) => {
      const bytes = number * 1024 ** power
      if (Number.isSafeInteger(bytes)) expect(parseSize(formatSize(bytes))).toBe(bytes)
    }),
  )
})

it('throws nothing but WaltError, whatever the text', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        expect(parseSize(text)).toBeGreaterThan(0)
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(WaltError)
      }
    }),
  )
})

it('is short for a person', () => {
  expect([humanSize(512), humanSize(1536), humanSize(16 * 1024 ** 3)]).toEqual([
    '512 B',
    '1.5 KiB',
    '16.0 GiB',
  ])
})
