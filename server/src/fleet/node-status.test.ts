import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type NodeEvent, newNodeStatus, nextStatus } from './node-status.ts'

const [first, second] = ['1'.repeat(16), '2'.repeat(16)]

function after(...events: NodeEvent[]) {
  return events.reduce((status, event, index) => nextStatus(status, event, index + 1), newNodeStatus(0))
}
const started = (bootId = first): NodeEvent => ({ type: 'boot-started', bootId, image: 'debian12' })
const reported = (
  state: 'booting' | 'booted' | 'rebooting' | 'down',
  bootId = first,
  cause?: string,
): NodeEvent => ({
  type: 'reported',
  report: { state, bootId, since: 0, mode: 'network', ...(cause === undefined ? {} : { cause }) },
})
const asked = (bootId = first): NodeEvent => ({ type: 'reboot-requested', by: 'ann', bootId })

describe("a node's status", () => {
  test('follows a boot and a reboot', () => {
    expect(after(started())).toEqual({
      state: 'booting',
      since: 1,
      bootTries: 0,
      bootId: first,
      image: 'debian12',
    })
    expect(after(started(), reported('booted'))).toMatchObject({ state: 'booted', since: 2, mode: 'network' })
    expect(after(started(), reported('booted'), asked())).toMatchObject({
      state: 'rebooting',
      cause: 'asked by ann',
    })
    const again = after(started(), reported('booted'), asked(), reported('down'), started(second))
    expect(again).toEqual({ state: 'booting', since: 5, bootTries: 0, bootId: second, image: 'debian12' })
  })

  test('says that a node copies its image, in its current boot only', () => {
    const copying: NodeEvent = { type: 'copying', bootId: first }
    expect(after(started(), copying, copying)).toMatchObject({
      ...{ state: 'booting', since: 1, heardAt: 3, cause: 'copying its image to its disk' },
    })
    expect(after(started(), copying, reported('booting'), reported('booted'))).not.toHaveProperty('cause')
    expect(after(started(second), copying)).not.toHaveProperty('heardAt')
    expect(after(started(), reported('booted'), copying)).not.toHaveProperty('heardAt')
  })

  test('says that a node went to its boot by itself', () => {
    const kexec: NodeEvent = { type: 'boot-started', bootId: second, image: 'debian12', cause: 'kexec' }
    const begun = after(started(), reported('booted'), asked(), kexec)
    expect(begun).toMatchObject({ state: 'booting', bootId: second, cause: 'kexec' })
    expect(nextStatus(begun, reported('booted', second), 9).cause).toBeUndefined()
  })

  test('is of the same boot when user space is restarted, and hears the new one only', () => {
    const inSpace = (state: 'booting' | 'booted' | 'down', userSpace: number): NodeEvent => ({
      type: 'reported',
      report: { state, bootId: first, since: 0, mode: 'network', ...(userSpace > 0 && { userSpace }) },
    })
    const agreed: NodeEvent = { type: 'reboot-requested', by: 'ann', bootId: first, userspace: 0 }
    const going = after(started(), reported('booted'), agreed)
    expect(going).toMatchObject({ state: 'rebooting', cause: 'userspace reboot asked by ann' })
    expect(nextStatus(going, inSpace('booting', 0), 8).state).toBe('rebooting')
    const begun = nextStatus(going, inSpace('booting', 1), 9)
    expect(begun).toMatchObject({
      ...{ state: 'booting', since: 9, cause: 'userspace reboot', bootId: first, userSpace: 1 },
    })
    expect(nextStatus(begun, inSpace('booted', 0), 10)).toBe(begun)
    expect(nextStatus(begun, inSpace('booted', 1), 10)).toMatchObject({ state: 'booted', userSpace: 1 })
    // The answer of the one before may come late.
    expect(nextStatus(begun, agreed, 10)).toBe(begun)
    // Even where its first words were lost.
    const late = nextStatus(after(started(), reported('booted')), inSpace('booted', 2), 9)
    expect(late).toMatchObject({ state: 'booted', since: 9, cause: 'userspace reboot', userSpace: 2 })
    expect(nextStatus(late, started(second), 10)).not.toHaveProperty('userSpace')
  })

  test('does not take the last will of a machine that reboots for news', () => {
    const events = [
      started(),
      reported('booted'),
      asked(),
      reported('rebooting', first, 'by server'),
      reported('down'),
    ]
    expect(after(...events)).toMatchObject({ state: 'rebooting', cause: 'by server' })
    expect(after(started(), reported('booted'), reported('down'))).toMatchObject({ state: 'down' })
  })

  test('is degraded without its root, for as long as the node says, and tells when that began', () => {
    const root = (cause: string, degraded?: true): NodeEvent => ({
      type: 'reported',
      report: {
        state: 'booted',
        bootId: first,
        since: 0,
        mode: 'network',
        cause,
        ...(degraded && { degraded }),
      },
    })
    const without = after(started(), reported('booted'), root('degraded: no answer', true))
    expect(without).toMatchObject({
      ...{ state: 'booted', since: 2, degraded: true, cause: 'degraded: no answer', causeSince: 3 },
    })
    // Told again after a reconnect.
    expect(nextStatus(without, root('degraded: no answer', true), 9)).toBe(without)
    const back = nextStatus(without, root('recovered: it answers'), 5)
    expect(back).toMatchObject({ state: 'booted', since: 2, cause: 'recovered: it answers', causeSince: 5 })
    expect(back.degraded).toBeUndefined()
    const silently = nextStatus(without, reported('booted'), 5)
    expect(silently).toMatchObject({ state: 'booted', since: 2, causeSince: 5 })
    expect(silently).not.toHaveProperty('degraded')
    expect(silently).not.toHaveProperty('cause')
    const lost = nextStatus(without, reported('rebooting', first, 'NFS server lost for 300 s'), 6)
    expect(lost).toEqual({
      ...{ state: 'rebooting', since: 6, cause: 'NFS server lost for 300 s', mode: 'network', bootTries: 0 },
      ...{ bootId: first, image: 'debian12' },
    })
  })

  test('comes back when the connection comes back', () => {
    const lost: NodeEvent = { type: 'connection-lost', bootId: first }
    expect(after(started(), reported('booted'), lost)).toMatchObject({ state: 'down' })
    expect(after(started(), reported('booted'), lost, reported('booted'))).toMatchObject({ state: 'booted' })
  })

  test('never hears an older boot', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc
              .constantFrom('booting' as const, 'booted' as const, 'rebooting' as const, 'down' as const)
              .map((state) => reported(state, first)),
            fc.constant(asked(first)),
            fc.constant<NodeEvent>({ type: 'connection-lost', bootId: first }),
          ),
        ),
        (late) => {
          const before = after(started(first), started(second))
          expect(late.reduce((status, event) => nextStatus(status, event, 99), before)).toBe(before)
        },
      ),
    )
  })

  test('counts hard reboots until the node is booted, or a person asks', () => {
    const late: NodeEvent = { type: 'boot-timed-out', timeoutSeconds: 180 }
    const twice = [started(), late, started(second), late]
    expect(after(...twice)).toMatchObject({
      state: 'rebooting',
      bootTries: 2,
      cause: 'not booted within 180 s',
    })
    expect(after(...twice, reported('booted', second))).toMatchObject({ bootTries: 0 })
    expect(after(...twice, asked(second))).toMatchObject({ bootTries: 0 })
  })
})
