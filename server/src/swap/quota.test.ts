import { expect, it } from 'vitest'
import { createQuota } from './quota.ts'

it('refuses what does not fit and says so once, until there is room again', () => {
  let told = 0
  const quota = createQuota(100, () => {
    told += 1
  })
  expect(quota.reserve(95)).toBe(true)
  expect(quota.reserve(6)).toBe(false)
  expect(quota.reserve(6)).toBe(false)
  expect(quota.reserve(5)).toBe(true)
  expect([quota.usedBytes(), told]).toEqual([100, 1])
  quota.release(5)
  expect(quota.reserve(6)).toBe(false)
  expect(told).toBe(1)
  quota.release(50)
  expect(quota.reserve(60)).toBe(false)
  expect(told).toBe(2)
})

it('counts what an earlier run left, even when it is too much already', () => {
  const quota = createQuota(100, () => undefined)
  quota.charge(150)
  expect(quota.reserve(1)).toBe(false)
  quota.release(150)
  expect(quota.reserve(100)).toBe(true)
})
