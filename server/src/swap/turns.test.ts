import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createTurns } from './turns.ts'

it('counts turns, and says whether a connection is alone', async () => {
  const turns = createTurns()
  const [one, two] = [{}, {}]
  const first = turns.enter(one)
  expect(turns.enter(one)).toBe(first)
  expect(turns.contested()).toBe(false)
  turns.enter(two)
  expect(turns.contested()).toBe(true)
  await nextTurn()
  expect(turns.enter(two)).toBe(first + 1)
  expect(turns.contested()).toBe(true)
  await nextTurn()
  turns.enter(two)
  expect(turns.contested()).toBe(false)
})
