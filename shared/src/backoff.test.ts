import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createBackoff } from './backoff.ts'

it('doubles up to its cap, and begins again after a reset', () => {
  const backoff = createBackoff({ minMs: 500, maxMs: 4_000, random: () => 1 })
  const waits = () => Array.from({ length: 6 }, () => backoff.nextMs())
  expect(waits()).toEqual([500, 1_000, 2_000, 4_000, 4_000, 4_000])
  backoff.reset()
  expect(waits()[0]).toBe(500)
})

it('spreads each wait over its upper half, however often it is asked', () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(fc.array(random, { minLength: 1, maxLength: 80 }), (randoms) => {
      let index = 0
      const backoff = createBackoff({ minMs: 500, maxMs: 30_000, random: () => randoms[index] ?? 0 })
      for (; index < randoms.length; index += 1) {
        const full = Math.min(30_000, 500 * 2 ** index)
        const wait = backoff.nextMs()
        expect(wait).toBeGreaterThanOrEqual(full / 2)
        expect(wait).toBeLessThanOrEqual(full)
      }
    }),
  )
})
