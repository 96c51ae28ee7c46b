/** What every store must do, on each implementation there is. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { limits } from '@walt/shared/limits'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { NodeRecord } from '../../server/src/fleet/node-record.ts'
import type { NodeStatus } from '../../server/src/fleet/node-status.ts'
import { openPostgresqlStore } from '../../server/src/store/postgresql-store.ts'
import { openSqliteStore } from '../../server/src/store/sqlite-store.ts'
import type { Store } from '../../server/src/store/store.ts'
import { type Postgresql, startPostgresql } from '../support/postgresql.ts'

let postgresql: Postgresql | undefined
const quiet = { info: () => {}, warn: () => {}, error: () => {} }

const implementations: Record<string, (folder: string) => Promise<Store>> = {
  sqlite: (folder) => openSqliteStore(join(folder, 'walt.sqlite')),
  async postgresql(folder) {
    if (!postgresql) throw new Error('PostgreSQL was not started')
    const url = await postgresql.createDatabase(basename(folder))
    return openPostgresqlStore(url, { now: Date.now, log: quiet })
  },
}

beforeAll(async () => {
  postgresql = await startPostgresql()
})
afterAll(() => postgresql?.end())

function record(name: string, number: number, changes: Partial<NodeRecord> = {}): NodeRecord {
  return {
    name,
    mac: `52:54:00:00:00:0${number}`,
    model: 'pc-x86-64',
    virtual: true,
    address: `192.168.152.${number}`,
    image: 'debian12',
    settings: { ram: '1G', 'boot.arguments': 'a="b c" \'d\'' },
    createdAt: number,
    ...changes,
  }
}

describe.each(Object.entries(implementations))('the %s store', (_name, open) => {
  let folder: string
  let store: Store

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'walt-store-'))
    store = await open(folder)
  })
  afterEach(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  const reopen = async () => {
    await store.close()
    store = await open(folder)
  }

  test('gives nodes back as they were, in the order of their creation, after it was opened anew', async () => {
    const [second, first] = [record('a', 2), record('b', 1, { virtual: false })]
    await store.putNode(second)
    await store.putNode(first)
    await store.putNode({ ...second, image: 'other', settings: {} })
    await reopen()
    expect(await store.nodes()).toEqual([first, { ...second, image: 'other', settings: {} }])
  })

  test('refuses a second node of the same MAC address or address', async () => {
    await store.putNode(record('a', 1))
    await expect(store.putNode(record('b', 2, { mac: record('a', 1).mac }))).rejects.toThrow()
    await expect(store.putNode(record('b', 2, { address: record('a', 1).address }))).rejects.toThrow()
    expect(await store.nodes()).toHaveLength(1)
  })

  test('keeps the status, and a bounded history of its changes, newest first', async () => {
    await store.putNode(record('a', 1))
    const status = (count: number): NodeStatus => ({
      state: count % 2 ? 'booted' : 'booting',
      since: count,
      bootTries: 0,
      bootId: '0'.repeat(16),
      ...(count === 1 ? { cause: 'why' } : {}),
    })
    for (let count = 0; count < limits.nodeHistoryMax + 10; count++) await store.putStatus('a', status(count))
    const last = status(limits.nodeHistoryMax + 9)
    await store.putStatus('a', { ...last, bootTries: 1 })
    await reopen()
    expect(await store.statuses()).toEqual(new Map([['a', { ...last, bootTries: 1 }]]))
    const history = await store.history('a')
    expect(history).toHaveLength(limits.nodeHistoryMax)
    expect(history[0]).toEqual({ at: last.since, state: last.state, bootId: '0'.repeat(16) })
    expect(history.map((entry) => entry.at)).toEqual(
      [...history.map((entry) => entry.at)].sort((a, b) => b - a),
    )
  })

  test('has one ticket a node: the newest', async () => {
    await store.putNode(record('a', 1))
    const ticket = { node: 'a', bootId: '1'.repeat(16), token: 't1', image: 'debian12', startedAt: 1 }
    await store.putTicket(ticket)
    const newest = { ...ticket, bootId: '2'.repeat(16), token: 't2', settings: { swap: '1G' } }
    await store.putTicket(newest)
    await reopen()
    expect(await store.tickets()).toEqual([newest])
    await store.putTicket(ticket)
    expect(await store.tickets()).toEqual([ticket])
  })

  test('keeps devices by name, with their settings', async () => {
    const device = { name: 'switch1', type: 'switch', address: '192.168.152.5', settings: {} } as const
    await store.putDevice({ ...device, name: 'switch2' })
    await store.putDevice(device)
    const changed = { ...device, settings: { 'poe.reboots': 'true' } }
    await store.putDevice(changed)
    await reopen()
    expect(await store.devices()).toEqual([changed, { ...device, name: 'switch2' }])
    await store.removeDevice('switch1')
    expect(await store.devices()).toEqual([{ ...device, name: 'switch2' }])
  })

  test('keeps the latest report of each kind', async () => {
    await store.putNode(record('a', 1))
    const inventory = {
      ...{ manufacturer: 'M', model: 'x', serial: '', processor: 'p', cores: 1, memoryBytes: 1 },
      ...{ architecture: 'x64', kernel: '6', distribution: 'd', interfaces: [], agentVersion: '0' },
    }
    await store.putLatest('a', 'inventory', inventory)
    await store.putLatest('a', 'inventory', { ...inventory, cores: 2 })
    expect(await store.latest('a')).toEqual({ inventory: { ...inventory, cores: 2 } })
    expect(await store.latest('b')).toEqual({})
  })

  test('has names in the order of their bytes', async () => {
    for (const name of ['ab', 'a-c', 'B', 'a'])
      await store.putDevice({ name, type: 'switch', address: name, settings: {} })
    expect((await store.devices()).map((device) => device.name)).toEqual(['B', 'a', 'a-c', 'ab'])
  })

  test('takes what a node may send: any clock, any character', async () => {
    await store.putNode(record('a', 1))
    const line = { issuer: 'a', stream: 'agent', level: 'info' } as const
    const ats = [-1, 0, 1.5, 2 ** 53, 1e300]
    await store.addLogLines(ats.map((at) => ({ ...line, at, message: `é\u{1f41f}\ud800"'\\\n\0|` })))
    await store.putStatus('a', { state: 'down', since: 1e15, bootTries: 0, cause: 'a\0b' })
    await reopen()
    const lines = await store.logLines({ limit: 9 })
    expect(lines.map((one) => one.at)).toEqual(ats)
    expect(lines[0]?.message).toMatch(/^é\u{1f41f}.{1,3}"'\\\n/su)
    expect(await store.history('a')).toMatchObject([{ at: 1e15, state: 'down' }])
    expect((await store.statuses()).get('a')?.cause).toBe('a\0b')
  })

  test('keeps the last of two samples of one time that come together', async () => {
    await store.putNode(record('a', 1))
    const block = { node: 'a', stepMs: 60_000, at: 1 }
    await store.addSamples([
      { ...block, data: 'first' },
      { ...block, data: 'second' },
    ])
    expect(await store.samples('a', 60_000, 0, 9)).toEqual([{ ...block, data: 'second' }])
  })

  test('keeps samples by node, step and time, and drops the old ones of a step', async () => {
    await store.putNode(record('a', 1))
    const block = (at: number, stepMs = 60_000, node = 'a') => ({ node, stepMs, at, data: `${at}` })
    await store.addSamples([block(3), block(1), block(2), block(2, 600_000), block(1, 60_000, 'gone')])
    await store.addSamples([{ ...block(3), data: 'newer' }])
    await reopen()
    expect(await store.samples('a', 60_000, 2, 3)).toEqual([block(2), { ...block(3), data: 'newer' }])
    expect(await store.samples('gone', 60_000, 0, 9)).toEqual([])
    await store.dropSamples(60_000, 3)
    expect(await store.samples('a', 60_000, 0, 9)).toHaveLength(1)
    expect(await store.samples('a', 600_000, 0, 9)).toEqual([block(2, 600_000)])
  })

  test('takes a batch of samples of many nodes', async () => {
    const names = Array.from({ length: 2 * limits.storeBatchRowsMax + 1 }, (_, number) => `n${number}`)
    for (const [index, name] of names.entries()) {
      const mac = `52:54:00:00:${String(Math.floor(index / 100)).padStart(2, '0')}:${String(index % 100).padStart(2, '0')}`
      await store.putNode({ ...record(name, 1), mac, address: `10.0.0.${index}` })
    }
    await store.addSamples(names.map((node) => ({ node, stepMs: 60_000, at: 1, data: 'x' })))
    for (const node of [names[0], names.at(-1)])
      expect(await store.samples(node ?? '', 60_000, 0, 9)).toHaveLength(1)
  })

  test('keeps the newest boots of a node, with what became known of each', async () => {
    await store.putNode(record('a', 1))
    for (let count = 0; count < limits.nodeBootsMax + 3; count++)
      await store.putBoot('a', { bootId: `${count}`.padStart(16, '0'), image: 'i', startedAt: count })
    const last = {
      bootId: `${limits.nodeBootsMax + 2}`.padStart(16, '0'),
      image: 'i',
      startedAt: limits.nodeBootsMax + 2,
    }
    await store.putBoot('a', { ...last, bootedAt: 99 })
    await reopen()
    const boots = await store.boots('a')
    expect(boots).toHaveLength(limits.nodeBootsMax)
    expect(boots[0]).toEqual({ ...last, bootedAt: 99 })
    expect(boots.at(-1)?.startedAt).toBe(3)
  })

  test('numbers log lines in their order, finds them by issuer, stream, time and number, and drops old ones', async () => {
    const line = (at: number, issuer = 'a', stream = 'agent') =>
      ({ at, issuer, stream, level: 'info', message: `m${at}` }) as const
    const first = await store.addLogLines([line(1), line(2, 'b'), line(3, 'a', 'app'), line(4)])
    expect(first.map((one) => one.message)).toEqual(['m1', 'm2', 'm3', 'm4'])
    expect(first.map((one) => one.id)).toEqual(first.map((one) => one.id).toSorted((a, b) => a - b))
    await reopen()
    const found = async (query: object) =>
      (await store.logLines({ limit: 9, ...query })).map((one) => one.message)
    expect(await found({})).toEqual(['m1', 'm2', 'm3', 'm4'])
    expect(await found({ issuers: ['a'], streams: ['agent'] })).toEqual(['m1', 'm4'])
    expect(await found({ issuers: [] })).toEqual([])
    expect(await found({ from: 2, to: 3 })).toEqual(['m2', 'm3'])
    expect(await found({ afterId: first[1]?.id, limit: 1 })).toEqual(['m3'])
    expect(await found({ limit: 2, newest: true })).toEqual(['m3', 'm4'])
    await store.dropLogLines(2, 9)
    expect(await found({})).toEqual(['m2', 'm3', 'm4'])
    await store.dropLogLines(0, 2)
    expect(await found({})).toEqual(['m3', 'm4'])
  })

  test('keeps checkpoints by name', async () => {
    await store.putCheckpoint({ name: 'b', at: 1 })
    await store.putCheckpoint({ name: 'a', at: 5 })
    await store.putCheckpoint({ name: 'a', at: 2 })
    await reopen()
    expect(await store.checkpoints()).toEqual([
      { name: 'b', at: 1 },
      { name: 'a', at: 2 },
    ])
    expect(await store.removeCheckpoint('b')).toBe(true)
    expect(await store.removeCheckpoint('b')).toBe(false)
  })

  test('keeps alerts: those that are on first, then those that were', async () => {
    await store.putNode(record('a', 1))
    const alert = { kind: 'swap-quota', level: 'warning', message: 'm', since: 1 } as const
    const old = await store.addAlert(alert)
    const onNode = await store.addAlert({ ...alert, node: 'a' })
    const on = await store.addAlert(alert)
    await store.putAlert({ ...old, resolvedAt: 5 })
    await store.putAlert({ ...onNode, level: 'critical', message: 'worse' })
    await reopen()
    expect(await store.alerts(9)).toEqual([
      on,
      { ...onNode, level: 'critical', message: 'worse' },
      { ...old, resolvedAt: 5 },
    ])
    await store.dropAlerts(6)
    expect(await store.alerts(9)).toHaveLength(2)
    await store.removeNode('a')
    expect(await store.alerts(9)).toEqual([on])
  })

  test('forgets all of a removed node, and nothing of the others', async () => {
    for (const [name, number] of Object.entries({ a: 1, b: 2 })) {
      await store.putNode(record(name, number))
      await store.putStatus(name, { state: 'new', since: 0, bootTries: 0 })
      await store.putTicket({
        node: name,
        bootId: `${number}`.repeat(16),
        token: name,
        image: 'i',
        startedAt: 0,
      })
      await store.addLogLines([{ at: 0, issuer: name, stream: 'agent', level: 'error', message: name }])
      await store.addSamples([{ node: name, stepMs: 60_000, at: 0, data: '' }])
      await store.putBoot(name, { bootId: `${number}`.repeat(16), image: 'i', startedAt: 0 })
    }
    await store.removeNode('a')
    expect((await store.nodes()).map((node) => node.name)).toEqual(['b'])
    expect([...(await store.statuses()).keys()]).toEqual(['b'])
    expect((await store.tickets()).map((ticket) => ticket.node)).toEqual(['b'])
    expect(await store.history('a')).toEqual([])
    expect((await store.logLines({ limit: 9 })).map((line) => line.issuer)).toEqual(['b'])
    for (const rows of [store.samples('a', 60_000, 0, 1), store.boots('a')]) expect(await rows).toEqual([])
    expect(await store.boots('b')).toHaveLength(1)
  })
})
