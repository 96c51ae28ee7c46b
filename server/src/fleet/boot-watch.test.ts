import { describe, expect, test } from 'vitest'
import { createWatchStart, decideOnBoot } from './boot-watch.ts'
import type { FleetNode } from './fleet.ts'
import type { NodeStatus } from './node-status.ts'

function node(status: Partial<NodeStatus>, settings: FleetNode['record']['settings'] = {}): FleetNode {
  return {
    record: {
      ...{ name: 'n1', mac: '', model: 'pc-x86-64', virtual: true, address: '192.168.152.10' },
      ...{ image: 'debian12', settings, createdAt: 0 },
    },
    status: { state: 'booting', since: 0, bootTries: 0, ...status },
  }
}
const second = 1000
const possible = { available: true } as const

describe('the watch over boots', () => {
  test('waits for boot.timeout, from the later of the boot and the start of the server', () => {
    expect(decideOnBoot(node({}), possible, 0, 179 * second)).toBeUndefined()
    const late = { type: 'boot-timed-out', timeoutSeconds: 180 }
    expect(decideOnBoot(node({}), possible, 0, 180 * second)).toEqual(late)
    expect(decideOnBoot(node({}), possible, 100 * second, 180 * second)).toBeUndefined()
    expect(decideOnBoot(node({ state: 'rebooting' }), possible, 0, 180 * second)).toEqual(late)
  })

  test('waits longer for a node that says that it gets on', () => {
    const copying = node({ heardAt: 500 * second })
    expect(decideOnBoot(copying, possible, 0, 679 * second)).toBeUndefined()
    expect(decideOnBoot(copying, possible, 0, 680 * second)).toMatchObject({ type: 'boot-timed-out' })
  })

  test('leaves alone what is booted, down, lost, off, or has no timeout', () => {
    for (const state of ['booted', 'down', 'lost', 'off', 'new'] as const) {
      expect(decideOnBoot(node({ state }), possible, 0, 9e9)).toBeUndefined()
    }
    expect(decideOnBoot(node({}, { 'boot.timeout': 'none' }), possible, 0, 9e9)).toBeUndefined()
  })

  test('gives up after boot.retries, or at once where the power cannot be cycled', () => {
    expect(decideOnBoot(node({ bootTries: 9 }), possible, 0, 180 * second)).toEqual({
      type: 'given-up',
      reason: 'not booted within 180 s, after 9 hard reboots',
    })
    expect(
      decideOnBoot(node({}), { available: false, reason: 'poe.reboots is not set on s1' }, 0, 180 * second),
    ).toEqual({
      type: 'given-up',
      reason: 'not booted within 180 s, and poe.reboots is not set on s1',
    })
  })

  test('begins anew when the clock was set, in either direction', () => {
    const watch = createWatchStart(1_000 * second, 5 * second)
    watch.look(1_100 * second, 105 * second)
    expect(watch.since()).toBe(1_000 * second)
    watch.look(9_000 * second, 106 * second)
    expect(watch.since()).toBe(9_000 * second)
    watch.look(10 * second, 107 * second)
    expect(watch.since()).toBe(10 * second)
    // A boot that began by a clock that was set back meanwhile is waited for once more, not for hours.
    const begun = node({ since: 8_999 * second })
    expect(decideOnBoot(begun, possible, watch.since(), 189 * second)).toBeUndefined()
    expect(decideOnBoot(begun, possible, watch.since(), 190 * second)).toMatchObject({
      type: 'boot-timed-out',
    })
  })
})
