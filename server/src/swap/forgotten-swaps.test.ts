import { expect, it } from 'vitest'
import { forgottenSwaps } from './forgotten-swaps.ts'

const hour = 3_600_000
const now = 100 * hour
const swap = { node: 'one', bootId: '1'.repeat(16), connections: 0, since: now - 25 * hour }
const forgotten = (
  given: Partial<typeof swap>,
  state: 'booted' | 'booting' | 'rebooting' | 'down' | 'lost' | 'off',
  since = now - 25 * hour,
) =>
  forgottenSwaps({
    swaps: [{ ...swap, ...given }],
    nodes: new Map([['one', { state, since }]]),
    graceMs: 24 * hour,
    now,
  }).length === 1

it('is a file that nobody has used, of a node that has been gone, for longer than the grace', () => {
  for (const state of ['down', 'lost', 'off'] as const) expect(forgotten({}, state)).toBe(true)
  expect(forgotten({ since: now - 23 * hour }, 'down')).toBe(false)
  expect(forgotten({}, 'down', now - hour)).toBe(false)
})

it('is never one in use, nor that of a node that is up or on its way', () => {
  expect(forgotten({ connections: 1 }, 'down')).toBe(false)
  for (const state of ['booted', 'booting', 'rebooting'] as const) expect(forgotten({}, state)).toBe(false)
})
