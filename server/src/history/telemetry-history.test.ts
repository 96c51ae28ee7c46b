import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { limits } from '@walt/shared/limits'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSqliteStore } from '../store/sqlite-store.ts'
import type { Store } from '../store/store.ts'
import { createTelemetryHistory, type TelemetryHistory } from './telemetry-history.ts'
import { telemetryAt } from './telemetry-sample.ts'

const log = { info: () => {}, warn: () => {}, error: (text: string) => problems.push(text) }
const begin = 1_800_000_000_000
let problems: string[]
let folder: string
let store: Store
let now: number
let history: TelemetryHistory

async function open(): Promise<void> {
  history = createTelemetryHistory({ store, now: () => now, log })
}

beforeEach(async () => {
  problems = []
  now = begin
  folder = await mkdtemp(join(tmpdir(), 'walt-history-'))
  store = await openSqliteStore(join(folder, 'walt.sqlite'))
  for (const [index, name] of ['a', 'b'].entries()) {
    const fixed = { model: 'pc', virtual: false, image: 'i', settings: {}, createdAt: 0 }
    await store.putNode({ ...fixed, name, mac: `02:00:00:00:00:0${index}`, address: `10.0.0.${index}` })
  }
  await open()
})
afterEach(async () => {
  await history.stop()
  await store.close()
  await rm(folder, { recursive: true })
  expect(problems).toEqual([])
})

/** A reading every ten seconds, whose load is the minute of the hour. */
function run(minutes: number, node = 'a'): void {
  for (let step = 0; step < minutes * 6; step++) {
    history.add(node, telemetryAt({ load: [Math.floor((now - begin) / 60_000) % 60, 0, 0] }))
    now += limits.historyFineMs
  }
}
const load = async (from: number, to = now) => {
  const { stepMs, at, metrics } = await history.query('a', { from, to, metrics: ['load'] })
  return { stepMs, at, load: metrics.load ?? [] }
}

test('the last hour is in steps of ten seconds, the last day in minutes, the rest in ten minutes', async () => {
  run(3 * 24 * 60)
  const hour = await load(now - 3_600_000)
  expect(hour.stepMs).toBe(10_000)
  expect(hour.at).toHaveLength(360)
  const day = await load(now - 86_400_000)
  expect(day.stepMs).toBe(60_000)
  expect(day.at).toHaveLength(1440)
  expect(day.load.slice(0, 5)).toEqual([0, 1, 2, 3, 4].map((value) => expect.closeTo(value, 1)))
  const all = await load(begin)
  expect(all.stepMs).toBe(600_000)
  expect(all.at).toHaveLength(3 * 144)
  expect(all.load.slice(0, 3)).toEqual([4.5, 14.5, 24.5].map((value) => expect.closeTo(value, 1)))
})

test('outlives a restart of the server: what was in memory is stored, and coarser points stand in for finer ones', async () => {
  run(30)
  await history.stop()
  await open()
  run(5)
  const { at, load: values } = await load(now - 3_600_000)
  expect(values.filter((value) => value !== null).length).toBeGreaterThanOrEqual(30 + 30)
  expect(at).toEqual(at.toSorted((one, other) => one - other))
  expect(new Set(at).size).toBe(at.length)
})

test('says null where a node was away, and nothing of other nodes', async () => {
  run(5)
  now += 600_000
  run(5)
  run(1, 'b')
  const { at, load: values } = await load(begin)
  expect(values.filter((value) => value === null)).toHaveLength(1)
  expect(at).toHaveLength(61)
  expect((await history.query('b', { from: now, to: now, metrics: ['load'] })).at).toEqual([])
})

test('leaves out readings that come too fast', async () => {
  for (let count = 0; count < 1000; count++) {
    history.add('a', telemetryAt())
    now += 100
  }
  expect((await load(begin)).at.length).toBeLessThanOrEqual(20)
})

test('goes on when the clock is set back', async () => {
  run(20)
  now -= 900_000
  run(20)
  expect((await load(begin)).at.length).toBeGreaterThan(60)
})

test('stores nothing of a node that was removed meanwhile', async () => {
  run(3)
  run(3, 'b')
  await store.removeNode('a')
  history.forget('a')
  await history.stop()
  expect(await store.samples('b', 60_000, 0, now)).toHaveLength(1)
})
