import { limits } from '@walt/shared/limits'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createAllocationMap } from './allocation-map.ts'

const block = limits.swapBlockBytes
const sizeBytes = 100 * block
const range = fc
  .tuple(fc.nat(sizeBytes - 1), fc.nat(sizeBytes - 1))
  .map(([a, b]) => ({ offset: Math.min(a, b), length: Math.abs(a - b) + 1 }))

it('counts a block once, however often and in whatever parts it is written', () => {
  const map = createAllocationMap(sizeBytes)
  map.add(10, 20)
  expect(map.bytes()).toBe(block)
  expect(map.missingBytes(0, block)).toBe(0)
  expect(map.missingBytes(block - 1, 2)).toBe(block)
  map.add(block - 1, 2)
  expect(map.bytes()).toBe(2 * block)
})

it('gives back only blocks that lie wholly inside a hole', () => {
  const map = createAllocationMap(sizeBytes)
  map.add(0, 3 * block)
  expect(map.remove(1, 3 * block - 2)).toBe(block)
  expect(map.remove(1, block)).toBe(0)
  expect(map.bytes()).toBe(2 * block)
})

it('agrees with a set of blocks after any sequence of writes and holes', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ hole: fc.boolean(), range }), { maxLength: 30 }), (steps) => {
      const map = createAllocationMap(sizeBytes)
      const model = new Set<number>()
      for (const { hole, range: one } of steps) {
        const before = model.size
        for (let at = 0; at < 100; at += 1) {
          const touched = at * block < one.offset + one.length && (at + 1) * block > one.offset
          const inside = at * block >= one.offset && (at + 1) * block <= one.offset + one.length
          if (hole && inside) model.delete(at)
          if (!hole && touched) model.add(at)
        }
        if (hole) expect(map.remove(one.offset, one.length)).toBe((before - model.size) * block)
        else {
          expect(map.missingBytes(one.offset, one.length)).toBe((model.size - before) * block)
          map.add(one.offset, one.length)
        }
        expect(map.bytes()).toBe(model.size * block)
      }
    }),
  )
})
