import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FleetNode } from '../fleet/fleet.ts'
import { telemetryAt } from '../history/telemetry-sample.ts'
import type { AlertView } from '../http/api-schema.ts'
import { type AlertFacts, conditionsOf, levelFor } from './alert-rules.ts'
import { isUnexpectedRestart } from './alerts.ts'

const node = (status: Partial<FleetNode['status']> = {}): FleetNode => ({
  record: {
    ...{ name: 'a', mac: '', model: '', virtual: false, address: '', image: 'i' },
    ...{ settings: {}, createdAt: 0 },
  },
  status: { state: 'booted', since: 0, bootTries: 0, ...status },
})
const quiet: AlertFacts = {
  ...{ nodes: [node()], telemetryOf: () => undefined, restartedAt: () => undefined, now: 1_000_000 },
  swap: { usedBytes: 0, quotaBytes: 100 },
}
const of = (facts: Partial<AlertFacts>, on: readonly AlertView[] = []) =>
  conditionsOf({ ...quiet, ...facts }, (kind, name) =>
    on.find((alert) => alert.kind === kind && alert.node === name),
  )
const overlay = (used: number, inodesUsed = 0) =>
  telemetryAt({ overlay: { totalBytes: 100, usedBytes: used, inodes: 100, inodesUsed } })

describe('what deserves an alert', () => {
  it('is nothing, where all is well', () => {
    expect(of({ telemetryOf: () => overlay(79) })).toEqual([])
  })

  it('is a node that is lost, or whose root is away', () => {
    const lost = node({ state: 'lost', cause: 'not booted within 180 s' })
    expect(of({ nodes: [lost] })).toMatchObject([
      { kind: 'node-lost', level: 'critical', message: 'a is lost: not booted within 180 s' },
    ])
    expect(of({ nodes: [node({ degraded: true })] })).toMatchObject([{ kind: 'root-degraded' }])
  })

  it('is a writable layer that fills up, with bytes or with files', () => {
    expect(of({ telemetryOf: () => overlay(80) })).toMatchObject([
      { level: 'warning', message: expect.stringContaining('80 %') },
    ])
    expect(of({ telemetryOf: () => overlay(10, 96) })).toMatchObject([
      { kind: 'overlay-filling', level: 'critical', message: expect.stringContaining('96 % full (files)') },
    ])
  })

  it('is the quota of swap, without a node', () => {
    const [alert] = of({ swap: { usedBytes: 85, quotaBytes: 100 } })
    expect(alert).toMatchObject({ kind: 'swap-quota', level: 'warning' })
    expect(alert).not.toHaveProperty('node')
  })

  it('is a restart that nobody asked for, for ten minutes', () => {
    expect(of({ restartedAt: () => quiet.now - 1 })).toMatchObject([{ kind: 'unexpected-restart' }])
    expect(of({ restartedAt: () => quiet.now - 600_001 })).toEqual([])
  })

  it('stands until a node that has just been found again has said otherwise', () => {
    const told = {
      id: 1,
      kind: 'overlay-filling',
      node: 'a',
      level: 'critical',
      message: 'm',
      since: 0,
    } as const
    const restarted = { ...told, kind: 'unexpected-restart', since: quiet.now - 5 } as const
    expect(
      of({}, [told, restarted])
        .map(({ kind }) => kind)
        .toSorted(),
    ).toEqual(['overlay-filling', 'unexpected-restart'])
    expect(of({ telemetryOf: () => overlay(1) }, [told])).toEqual([])
    expect(of({ nodes: [node({ state: 'down' })] }, [told])).toEqual([])
  })
})

describe('levels', () => {
  it('never change where a share wavers by less than five hundredths', () => {
    const steps = fc.array(fc.double({ min: -0.0249, max: 0.0249, noNaN: true }), { maxLength: 50 })
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), steps, (centre, moves) => {
        let level: AlertView['level'] | undefined
        let changes = 0
        for (const move of moves) {
          const next = levelFor(centre + move, level)
          if (next !== level) changes += 1
          level = next
        }
        // Up once, at most to each level: never down again.
        expect(changes).toBeLessThanOrEqual(2)
      }),
    )
  })

  it('end five hundredths below where they began', () => {
    let level: AlertView['level'] | undefined
    const levels = [0.81, 0.96, 0.91, 0.89, 0.76, 0.74].map((value) => {
      level = levelFor(value, level)
      return level
    })
    expect(levels).toEqual(['warning', 'critical', 'critical', 'warning', 'warning', undefined])
  })
})

describe('a restart that nobody asked for', () => {
  const change = (
    before: Partial<FleetNode['status']>,
    event: Parameters<typeof isUnexpectedRestart>[0]['event'],
  ) =>
    isUnexpectedRestart({ name: 'a', node: node(), before: node(before).status, ...(event ? { event } : {}) })
  const begun = { type: 'boot-started', bootId: 'b', image: 'i' } as const

  it('is a boot, or the end of a machine, out of the blue', () => {
    expect(change({}, begun)).toBe(true)
    expect(change({ state: 'down', cause: 'the connection was lost' }, begun)).toBe(true)
    expect(change({ state: 'down', cause: 'its connection was lost' }, begun)).toBe(true)
    expect(change({}, { type: 'machine-exited', reason: 'r' })).toBe(true)
  })

  it('is none that was asked for, by a person, by kexec, or on the node', () => {
    expect(change({ state: 'rebooting' }, begun)).toBe(false)
    expect(change({}, { ...begun, cause: 'kexec' })).toBe(false)
    expect(change({ state: 'down', cause: 'the operating system shuts down' }, begun)).toBe(false)
    expect(change({}, { type: 'machine-stopped' })).toBe(false)
  })
})
