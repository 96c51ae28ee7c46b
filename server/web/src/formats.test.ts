import { expect, test } from 'vitest'
import { ago, formatValue, percent, plural, shortDuration } from './formats.ts'

test('writes durations so that they can be compared at a glance', () => {
  expect([0, 850, 9_400, 59_400, 185_000, 1_500_000, 7_800_000, 4e8].map(shortDuration)).toEqual([
    '0 ms',
    '850 ms',
    '9.4 s',
    '59 s',
    '3 min 5 s',
    '25 min',
    '2 h 10 min',
    '4 d',
  ])
  expect(ago(100_000, 99_000)).toBe('just now')
  expect(ago(0, 120_000)).toBe('2 min ago')
})

test('writes values with their unit, and a dash for none', () => {
  expect(formatValue(512 * 1024 ** 2, 'bytes')).toBe('512.0 MiB')
  expect(formatValue(2048, 'bytes-per-second')).toBe('2.0 KiB/s')
  expect(formatValue(0.256, 'number')).toBe('0.26')
  expect(formatValue(41, 'celsius')).toBe('41.0 °C')
  expect(formatValue(null, 'bytes')).toBe('–')
  expect(percent(1, 0)).toBe('–')
  expect(percent(1, 4)).toBe('25 %')
  expect([plural(1, 'node'), plural(3, 'node')]).toEqual(['1 node', '3 nodes'])
})
