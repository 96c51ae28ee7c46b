import { afterEach, describe, expect, test } from 'vitest'
import type { NodeBoots } from '../boot/node-boots.ts'
import type { NodeFolders } from '../boot/node-folders.ts'
import type { Fleet, FleetNode } from '../fleet/fleet.ts'
import { createMachines } from './machines.ts'

const node = { record: { name: 'vnode1', mac: '52:54:00:00:00:01' } } as FleetNode
let known = true
afterEach(() => {
  known = true
})

/** Machines whose first boot can be told, and is refused; what happens before it is up to the test. */
function machinesOf(given: { addTap?: () => Promise<void>; prepare?: () => Promise<void> }) {
  const events: string[] = []
  const boots: NodeBoots = {
    async begin() {
      events.push('boot')
      throw new Error('no boot in this test')
    },
  }
  const machines = createMachines({
    fleet: {
      get: () => node,
      find: () => (known ? node : undefined),
      settingsOf: () => ({ engine: 'auto' }),
    } as unknown as Fleet,
    boots,
    folders: { consolePathOf: () => '/dev/null' } as unknown as NodeFolders,
    network: {
      start: async () => undefined,
      stop: async () => void events.push('network stopped'),
      addTap: given.addTap ?? (async () => undefined),
      keepTap: async () => false,
      removeStrays: async () => undefined,
      removeTap: async (tap) => void events.push(`${tap} removed`),
    },
    engineFor: () => 'uml',
    umlFiles: undefined,
    recordsFolder: '/nonexistent',
    prepare: given.prepare ?? (async () => undefined),
    now: Date.now,
    random: () => 0,
    log: { info() {}, warn() {}, error() {} },
  })
  return { machines, events }
}

describe('the machine of a node', () => {
  test('is not started when the node is removed while its tap is made', async () => {
    const { machines, events } = machinesOf({
      async addTap() {
        known = false
      },
    })
    await machines.add('vnode1')
    expect(events).toEqual(['walt000001 removed'])
  })

  test('is not started when the node is removed, or the server stops, while its exports are made', async () => {
    const removed = machinesOf({ prepare: () => removed.machines.remove('vnode1') })
    await removed.machines.add('vnode1')
    expect(removed.events).toEqual(['walt000001 removed'])
    const stopped = machinesOf({ prepare: () => stopped.machines.stop() })
    await stopped.machines.add('vnode1')
    expect(stopped.events).toEqual(['network stopped'])
    await expect(stopped.machines.restart('vnode1')).rejects.toThrow('vnode1')
  })
})
