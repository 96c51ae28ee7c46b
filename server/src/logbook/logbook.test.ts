import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { limits } from '@walt/shared/limits'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { newNodeStatus } from '../fleet/node-status.ts'
import type { LogEntry } from '../store/monitoring-store.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'
import type { Store } from '../store/store.ts'
import { createLogbook, type Logbook, platformMessage } from './logbook.ts'

let folder: string
let store: Store
let logbook: Logbook
let told: LogEntry[]
let now: number

beforeEach(async () => {
  ;[told, now] = [[], 0]
  folder = await mkdtemp(join(tmpdir(), 'walt-logbook-'))
  store = await openSqliteStore(join(folder, 'walt.sqlite'))
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  logbook = createLogbook({ store, tell: (line) => told.push(line), now: () => now, log })
})
afterEach(async () => {
  await logbook.stop()
  await store.close()
  await rm(folder, { recursive: true })
})
const messages = async () => (await logbook.query({ limit: 9_999 })).map((line) => line.message)

test('who follows is told of each line once it is stored, with its number', async () => {
  logbook.addNodeLog('a', { at: 5, level: 'warning', message: 'one' })
  logbook.addNodeLines('a', { stream: 'app', lines: [{ at: 6, message: 'two' }], dropped: 3 })
  const stored = await logbook.query({ limit: 9 })
  expect(told).toEqual(stored)
  expect(stored).toMatchObject([
    { issuer: 'a', stream: 'agent', message: 'one', level: 'warning' },
    { stream: 'app', level: 'warning', message: expect.stringContaining('3 lines of app were lost on a') },
    { stream: 'app', level: 'info', message: 'two', at: 6 },
  ])
})

test('what comes too fast is left out, and counted when the minute is over; others are not held up', async () => {
  const lines = Array.from({ length: limits.logLinesBatchMax }, (_, count) => ({
    at: 0,
    message: `${count}`,
  }))
  const batches = Math.ceil(limits.logLinesPerMinuteMax / lines.length) + 1
  for (let count = 0; count < batches; count++) logbook.addNodeLines('a', { stream: 's', lines })
  logbook.addNodeLog('b', { at: 0, level: 'info', message: 'of the other' })
  expect(await messages()).toHaveLength(limits.logLinesPerMinuteMax + 1)
  now += 60_000
  logbook.addNodeLog('a', { at: 0, level: 'info', message: 'later' })
  const [count, later] = (await messages()).slice(-2)
  const left = batches * lines.length - limits.logLinesPerMinuteMax
  expect(count).toContain(`${left} lines of a were left out`)
  expect(later).toBe('later')
})

test('a change of a node is a line where its state or its boot changes', () => {
  const record = {
    ...{ name: 'a', mac: '', model: '', virtual: false, address: '', image: 'i' },
    ...{ settings: {}, createdAt: 0 },
  }
  const before = newNodeStatus(0)
  const change = (status: object) => ({
    name: 'a',
    before,
    node: { record, status: { ...before, ...status } },
  })
  expect(platformMessage(change({ state: 'lost', cause: 'why' }))).toBe('a is lost: why')
  expect(platformMessage(change({ state: 'booted' }))).toBe('a is booted')
  expect(platformMessage(change({ cause: 'another' }))).toBeUndefined()
  expect(platformMessage({ name: 'a', node: { record, status: before } })).toBeUndefined()
  expect(platformMessage({ name: 'a' })).toBe('a is removed')
})
