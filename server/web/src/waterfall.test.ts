import { expect, test } from 'vitest'
import type { NodeBoot } from '../../src/http/api-schema.ts'
import { bootTimeOf, waterfallOf } from './waterfall.ts'

const boot = (stepMs: number, bootedAt?: number): NodeBoot => ({
  bootId: 'b',
  image: 'debian12',
  startedAt: 1_000,
  ...(bootedAt === undefined ? {} : { bootedAt }),
  report: {
    version: 1,
    agentVersion: '0',
    mode: 'network',
    virtual: true,
    kernelUptimeMs: 2_000,
    totalMs: 500,
    swapBytes: 0,
    zswap: false,
    persist: true,
    problems: [],
    commandLine: '',
    steps: [
      { name: 'union', startedMs: 100, tookMs: stepMs, outcome: 'done' },
      { name: 'swap', startedMs: 300, tookMs: 50, outcome: 'failed', note: 'no server' },
    ],
  },
})

test('puts kernel, steps and system on one time line, beside the usual times', () => {
  expect(waterfallOf(boot(20, 13_000), [boot(10), boot(30), boot(500)])).toEqual({
    bars: [
      { name: 'kernel', startMs: 0, tookMs: 2_000, outcome: 'other', usualMs: 2_000 },
      { name: 'union', startMs: 2_100, tookMs: 20, outcome: 'done', usualMs: 30 },
      { name: 'swap', startMs: 2_300, tookMs: 50, outcome: 'failed', note: 'no server', usualMs: 50 },
      { name: 'system', startMs: 2_500, tookMs: 9_500, outcome: 'other' },
    ],
    totalMs: 12_000,
    bootedMs: 12_000,
  })
})

test('of a boot without a report there is none', () => {
  expect(waterfallOf({ bootId: 'b', image: 'i', startedAt: 0 }, [])).toBeUndefined()
  expect(bootTimeOf({ bootId: 'b', image: 'i', startedAt: 0 })).toBeUndefined()
})
