import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { mapAtMost } from './map-at-most.ts'

test('has so many at work, and gives the results in the order of the items', async () => {
  let working = 0
  let most = 0
  const results = await mapAtMost(3, [5, 1, 4, 2, 3], async (item) => {
    working += 1
    most = Math.max(most, working)
    await sleep(item)
    working -= 1
    return item * 10
  })
  expect(results).toEqual([50, 10, 40, 20, 30])
  expect(most).toBe(3)
  expect(await mapAtMost(3, [], async () => 1)).toEqual([])
})

test('fails with the first that fails', async () => {
  const failing = async (item: number) => {
    if (item === 2) throw new Error('two')
  }
  await expect(mapAtMost(2, [1, 2, 3], failing)).rejects.toThrow('two')
})
