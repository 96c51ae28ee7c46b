import type { BootMode } from '@walt/shared/boot-report'
import { describe, expect, test } from 'vitest'
import type { BootTicket } from './boot-ticket.ts'
import type { FleetNode } from './fleet.ts'
import { createRebootReasons, knownReasons } from './reboot-reasons.ts'

const node: FleetNode = {
  record: {
    ...{ name: 'n1', mac: '', model: 'pc-x86-64', virtual: true, address: '192.168.152.10' },
    ...{ image: 'debian12', settings: { swap: '1G' }, createdAt: 0 },
  },
  status: { state: 'booted', since: 0, bootTries: 0 },
}
const boot: BootTicket = {
  ...{ node: 'n1', bootId: '0123456789abcdef', token: '', image: 'debian12', startedAt: 1_000 },
  settings: { swap: '1G' },
}
const group = (count: number) => ({ count, bytes: 0, largest: [] })

describe('the reasons for a reboot', () => {
  test('are none for a node that runs what it would run', () => {
    expect(knownReasons(node, boot, 999)).toEqual([])
    const settings = { swap: '1G', 'boot.timeout': '300' }
    expect(knownReasons({ ...node, record: { ...node.record, settings } }, boot, undefined)).toEqual([])
  })

  test('are another image, a newer one, settings that need a boot, and not being up', () => {
    expect(knownReasons(node, { ...boot, image: 'old' }, 2_000)).toEqual(['image debian12 instead of old'])
    expect(knownReasons(node, boot, 1_001)).toEqual(['its image was changed'])
    expect(knownReasons(node, { ...boot, settings: {} }, 0)).toEqual(['new swap'])
    expect(knownReasons({ ...node, status: { ...node.status, state: 'down' } }, boot, 0)).toEqual([
      'it was down',
    ])
    expect(knownReasons(node, undefined, 0)).toHaveLength(1)
  })

  test('are files changed on the node, or that it does not say', async () => {
    const reasonsWith = (changed: number | Error, mode: BootMode = 'network') =>
      createRebootReasons({
        node: () => ({ ...node, status: { ...node.status, mode } }),
        currentBoot: () => boot,
        imageBuiltAt: async () => undefined,
        async changesOf() {
          if (changed instanceof Error) throw changed
          return { changed: group(changed), system: group(7), complete: true }
        },
      })('n1')
    expect(await reasonsWith(0)).toEqual([])
    expect(await reasonsWith(2)).toEqual(['files changed on it'])
    expect(await reasonsWith(2, 'hybrid-volatile')).toEqual(['files changed on it'])
    expect(await reasonsWith(2, 'hybrid-persistent')).toEqual([])
    expect(await reasonsWith(new Error('no answer'))).toEqual(['what changed on it is unknown: no answer'])
  })
})
