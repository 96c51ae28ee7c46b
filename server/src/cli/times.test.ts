import { expect, test } from 'vitest'
import { humanDuration, humanMoment } from './times.ts'

test('a duration has the unit that a person would use', () => {
  const shown = [-5, 850, 12_000, 59_700, 185_000, 7_800_000, 200_000_000_000].map(humanDuration)
  expect(shown).toEqual(['0 ms', '850 ms', '12 s', '1 min', '3 min 5 s', '2 h 10 min', '2314 days'])
})

test('a moment is in local time', () => {
  const date = new Date(2026, 5, 18, 13, 23, 5)
  expect(humanMoment(date.getTime())).toBe('2026-06-18 13:23:05')
})
