import { expect, test } from 'vitest'
import { plotData, plotSpecs, summary } from './plots.ts'

const zswap = plotSpecs.find((spec) => spec.key === 'zswap')!

test('a plot has a column for each series, and a gap where nothing was said', () => {
  const history = {
    stepMs: 10_000,
    at: [10_000, 20_000, 90_000],
    metrics: { zswapStoredBytes: [1, null, 3] },
  }
  expect(plotData(zswap, history)).toEqual([
    [10, 20, 30, 90],
    [1, null, null, 3],
    [null, null, null, null],
  ])
})

test('there is no plot of what a node does not have', () => {
  expect(plotData(zswap, { stepMs: 1, at: [1], metrics: { load: [1] } })).toBeUndefined()
  expect(plotData(zswap, { stepMs: 1, at: [1], metrics: { zswapPoolBytes: [null] } })).toBeUndefined()
})

test('sums up a column', () => {
  expect(summary([1, 5, 2, null])).toEqual({ last: 2, max: 5 })
  expect(summary(undefined)).toEqual({ last: null, max: null })
})
