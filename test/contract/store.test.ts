/** What every store must do, on each implementation there is. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { limits } from '@walt/shared/limits'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { NodeRecord } from '../../server/src/fleet/node-record.ts'
import type { NodeStatus } from '../../server/src/fleet/node-status.ts'
import { openSqliteStore } from '../../server/src/store/sqlite-store.ts'
import type { Store } from '../../server/src/store/store.ts'

const implementations: Record<string, (folder: string) => Promise<Store>> = {
  sqlite: (folder) => openSqliteStore(join(folder, 'walt.sqlite')),
}

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

  test('keeps the newest log lines, oldest first', async () => {
    await store.putNode(record('a', 1))
    for (let at = 0; at < limits.nodeLogsMax + 5; at++)
      await store.addLog('a', { at, level: 'info', message: 'm' })
    const logs = await store.logs('a')
    expect(logs).toHaveLength(limits.nodeLogsMax)
    expect(logs[0]).toEqual({ at: 5, level: 'info', message: 'm' })
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
      await store.addLog(name, { at: 0, level: 'error', message: name })
    }
    await store.removeNode('a')
    expect((await store.nodes()).map((node) => node.name)).toEqual(['b'])
    expect([...(await store.statuses()).keys()]).toEqual(['b'])
    expect((await store.tickets()).map((ticket) => ticket.node)).toEqual(['b'])
    expect(await store.history('a')).toEqual([])
    expect(await store.logs('a')).toEqual([])
    expect(await store.logs('b')).toHaveLength(1)
  })
})
