import { describe, expect, test } from 'vitest'
import type { FleetNode } from './fleet.ts'
import type { NodeStateName } from './node-status.ts'
import { firstRebootStep, rebootFailure, rebootSuccess, stepAfterSoftFailed } from './reboot-plan.ts'

function node(virtual: boolean, state: NodeStateName): FleetNode {
  return {
    record: {
      ...{ name: 'n1', mac: '', model: 'pc-x86-64', virtual, address: '192.168.152.10' },
      ...{ image: 'debian12', settings: {}, createdAt: 0 },
    },
    status: { state, since: 0, bootTries: 0 },
  }
}
const possible = { available: true } as const
const impossible = { available: false, reason: 'poe.reboots is not set on switch1' } as const

describe('the plan of a reboot', () => {
  test('begins soft, and goes on hard where that is possible', () => {
    const soft = { kind: 'soft', node: 'n1', address: '192.168.152.10' }
    for (const state of ['booted', 'booting', 'down', 'lost', 'rebooting'] as const) {
      expect(firstRebootStep(node(true, state), false, possible)).toEqual(soft)
    }
    expect(stepAfterSoftFailed('n1', possible)).toEqual({ kind: 'hard', node: 'n1' })
    const refused = { kind: 'refuse', node: 'n1', reason: impossible.reason }
    expect(stepAfterSoftFailed('n1', impossible)).toEqual(refused)
  })

  test('skips the soft step with --hard, and where there is nobody to ask', () => {
    expect(firstRebootStep(node(false, 'booted'), true, possible).kind).toBe('hard')
    expect(firstRebootStep(node(false, 'booted'), true, impossible).kind).toBe('refuse')
    expect(firstRebootStep(node(true, 'off'), false, possible).kind).toBe('hard')
    expect(firstRebootStep(node(false, 'new'), false, impossible).kind).toBe('soft')
  })

  test("says it in WalT's words", () => {
    expect(rebootSuccess('n1', 'soft').message).toBe('n1: rebooted OK.')
    const hardName = 'PoE-reboot'
    expect(
      rebootFailure('n1', { soft: 'no answer', hard: 'it has no such PoE port', hardName }).message,
    ).toBe('n1: failed soft-reboot (no answer) and PoE-reboot (it has no such PoE port)')
    expect(rebootFailure('n1', { hard: 'x', hardName }).message).toBe('n1: failed PoE-reboot (x)')
  })
})
