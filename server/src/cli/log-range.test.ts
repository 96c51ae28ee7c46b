import { expect, it } from 'vitest'
import { logRange } from './log-range.ts'

const now = 1_000_000_000
const checkpoints = [{ name: 'begin', at: 5_000 }]

it.each([
  ['none', undefined],
  ['full', {}],
  [':', {}],
  ['-1h:', { from: now - 3_600_000 }],
  ['-2d:-90s', { from: now - 172_800_000, to: now - 90_000 }],
  ['begin:', { from: 5_000 }],
  [':begin', { to: 5_000 }],
  ['begin:-5m', { from: 5_000, to: now - 300_000 }],
])('%s is a part of the log', (text, range) => {
  expect(logRange(text, checkpoints, now)).toEqual(range)
})

it.each(['', '-1h', '1h:', '-1w:', 'nothing:', '-1h:-2h', 'a:b:c'])('%j is wrong usage', (text) => {
  expect(() => logRange(text, checkpoints, now)).toThrow(/--history/)
})
