import { expect, test } from 'vitest'
import type { BootTicket } from './boot-ticket.ts'
import type { FleetNode } from './fleet.ts'
import type { NodeStatus } from './node-status.ts'
import { missedBoot, silentSince } from './past-run.ts'

const node = (status: Partial<NodeStatus>) =>
  ({
    record: { name: 'vnode1' },
    status: { state: 'booted', since: 0, bootTries: 0, ...status },
  }) as FleetNode
const ticket: BootTicket = { node: 'vnode1', bootId: 'b', token: 't', image: 'debian12', startedAt: 0 }

test('a boot that began and was not stored is known by its ticket', () => {
  const started = { type: 'boot-started', bootId: 'b', image: 'debian12' }
  expect(missedBoot(node({ bootId: 'a' }), ticket)).toEqual(started)
  expect(missedBoot(node({ state: 'new' }), ticket)).toEqual(started)
  expect(missedBoot(node({ bootId: 'b' }), ticket)).toBeUndefined()
  expect(missedBoot(node({ state: 'new' }), undefined)).toBeUndefined()
})

test('a node that was booted and does not come back is down, any other stays what it was', () => {
  expect(silentSince(node({ bootId: 'b' }), false)).toEqual({ type: 'connection-lost', bootId: 'b' })
  expect(silentSince(node({ bootId: 'b' }), true)).toBeUndefined()
  expect(silentSince(node({ bootId: 'b', state: 'booting' }), false)).toBeUndefined()
})
