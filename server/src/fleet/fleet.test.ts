import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openSqliteStore } from '../store/sqlite-store.ts'
import type { Store } from '../store/store.ts'
import { createBootTickets } from './boot-tickets.ts'
import { createBootWatch } from './boot-watch.ts'
import { createFleet, type Fleet } from './fleet.ts'
import { createOrchestrator } from './orchestrator.ts'
import { waitForNodes } from './wait-for-nodes.ts'

const network = { address: '192.168.152.1', prefix: 24, firstNode: 10 }
const log = { info: () => {}, warn: () => {}, error: () => {} }

let folder: string
let store: Store
let fleet: Fleet
let now = 0

async function open(): Promise<void> {
  store = await openSqliteStore(join(folder, 'walt.sqlite'))
  const tickets = await createBootTickets({ store, now: () => now })
  fleet = await createFleet({ store, tickets, network, now: () => now, log })
}
const stateOf = (name: string) => fleet.get(name).status.state

beforeEach(async () => {
  now = 0
  folder = await mkdtemp(join(tmpdir(), 'walt-fleet-'))
  await open()
  for (const name of ['a', 'b']) await fleet.add({ name, image: 'debian12' })
})
afterEach(async () => {
  await fleet.settled()
  await store.close()
  await rm(folder, { recursive: true })
})

describe('the fleet', () => {
  test('is after a restart what it was before, boots and their tickets included', async () => {
    const ticket = await fleet.beginBoot('a')
    fleet.record('a', { type: 'reported', report: { state: 'booted', bootId: ticket.bootId, since: 0 } })
    const before = fleet.list()
    await fleet.settled()
    await store.close()
    await open()
    expect(fleet.list()).toEqual(before)
    expect(stateOf('a')).toBe('booted')
    expect(fleet.resolve('booted-nodes')).toEqual(['a'])
  })

  test('changes no node if a setting is wrong for one of them', async () => {
    await fleet.add({ name: 'rpi', image: 'debian12', mac: '02:00:00:00:00:01' })
    await expect(fleet.setSettings(['a', 'rpi'], { ram: '1G' })).rejects.toMatchObject({
      code: 'setting-unknown',
    })
    expect(fleet.get('a').record.settings).toEqual({})
  })

  test('gives a freed address to the next node', async () => {
    expect(fleet.list().map(({ record }) => record.address)).toEqual(['192.168.152.10', '192.168.152.11'])
    await fleet.remove('a')
    const next = await fleet.add({ name: 'c', image: 'debian12' })
    expect(next.record.address).toBe('192.168.152.10')
  })

  test('drops what comes from a node that was removed', async () => {
    await fleet.remove('a')
    fleet.record('a', { type: 'machine-stopped' })
    await fleet.settled()
    await expect(fleet.details('a')).rejects.toMatchObject({ code: 'node-unknown' })
  })

  test('tells who waits', async () => {
    const ticket = await fleet.beginBoot('a')
    const waiting = waitForNodes(fleet, ['a'], 10_000, new AbortController().signal)
    fleet.record('a', { type: 'reported', report: { state: 'booted', bootId: ticket.bootId, since: 0 } })
    expect(await waiting).toEqual([{ node: 'a', state: 'booted', ok: true }])
    expect(await waitForNodes(fleet, ['a', 'b'], 0, new AbortController().signal)).toMatchObject([
      { ok: true },
      { node: 'b', state: 'new', ok: false },
    ])
  })
})

test('a node that never comes back is hard-rebooted boot.retries times, and then lost', async () => {
  await fleet.setSettings(['a'], { 'boot.timeout': '60', 'boot.retries': '2' })
  let cycles = 0
  const power = {
    name: 'PoE-reboot',
    option: () => ({ available: true }) as const,
    async cycle() {
      cycles += 1
    },
  }
  const softReboot = async () => ({ ok: false, reason: 'no answer' }) as const
  const whatRebootChanges = async () => []
  const userspaceReboot = async () => ({ node: 'a', ok: false, message: 'a: failed' }) as const
  const parts = { fleet, power: [power], softReboot, whatRebootChanges, userspaceReboot, log }
  const { powerOption, hardReboot } = createOrchestrator(parts)
  const watch = createBootWatch({ fleet, powerOption, hardReboot, now: () => now, monotonic: () => now, log })
  await fleet.beginBoot('a')
  const seen: string[] = []
  for (let second = 0; second <= 300; second += 10) {
    now = second * 1000
    await watch.look()
    seen.push(`${stateOf('a')} ${cycles}`)
  }
  expect([...new Set(seen)]).toEqual(['booting 0', 'rebooting 1', 'rebooting 2', 'lost 2'])
  expect(fleet.get('a').status.cause).toBe('not booted within 60 s, after 2 hard reboots')
  expect(stateOf('b')).toBe('new')
})
