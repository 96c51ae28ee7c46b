import { describe, expect, test } from 'vitest'
import type { BootTicket } from './boot-ticket.ts'
import type { FleetNode } from './fleet.ts'
import type { NodeEvent } from './node-status.ts'
import { createUserspaceReboot, userspaceObstacle } from './userspace-reboot.ts'

const bootId = '1'.repeat(16)
const node: FleetNode = {
  record: {
    name: 'n1',
    mac: '52:54:00:00:00:01',
    model: 'pc-x86-64',
    virtual: true,
    address: '192.168.152.10',
    image: 'debian13',
    settings: {},
    createdAt: 0,
  },
  status: { state: 'booted', since: 0, bootTries: 0, bootId },
}
const ticket: BootTicket = { node: 'n1', bootId, token: 'secret', image: 'debian13', startedAt: 100 }

describe('a restart of user space', () => {
  test('is nothing for a node that is not up, nor where the image is not what runs', () => {
    expect(userspaceObstacle(node, ticket, 99)).toBeUndefined()
    expect(userspaceObstacle(node, ticket, undefined)).toBeUndefined()
    const booting = { ...node, status: { ...node.status, state: 'booting' as const } }
    expect(userspaceObstacle(booting, ticket, 99)).toBe('it is booting')
    const other = { ...node, record: { ...node.record, image: 'other' } }
    expect(userspaceObstacle(other, ticket, 99)).toBe('only a whole reboot takes it to the image other')
    expect(userspaceObstacle(node, ticket, 101)).toMatch(/^its image was changed/)
  })

  test('is recorded once the node has accepted it, and refused in its words', async () => {
    const events: NodeEvent[] = []
    let message: string | undefined
    const reboot = createUserspaceReboot({
      fleet: { get: () => node, record: (_, event) => void events.push(event) },
      currentBoot: () => ticket,
      imageBuiltAt: async () => 99,
      restartUserSpace: async () => (message === undefined ? { ok: true } : { ok: false, message }),
    })
    expect(await reboot('n1', 'ann')).toEqual({
      node: 'n1',
      ok: true,
      method: 'userspace',
      message: 'n1: user space rebooted OK.',
    })
    expect(events).toEqual([{ type: 'reboot-requested', by: 'ann', bootId, userspace: 0 }])
    message = 'needs systemd 254 (this image has 252)'
    expect((await reboot('n1', 'ann')).message).toBe(
      'n1: failed userspace-reboot (needs systemd 254 (this image has 252))',
    )
    expect(events).toHaveLength(1)
  })
})
