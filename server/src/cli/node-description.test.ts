import { expect, test } from 'vitest'
import type { NodeDetails } from '../http/api-schema.ts'
import { nodeDescription } from './node-description.ts'

const gigabyte = 1024 ** 3
const node: NodeDetails = {
  ...{
    name: 'vnode1',
    mac: '52:54:00:00:00:01',
    model: 'pc-x86-64',
    virtual: true,
    address: '192.168.152.10',
  },
  ...{ image: 'debian12', createdAt: 0, settings: { given: {}, effective: {} } },
  ...{ state: 'booted', since: 0, bootTries: 0, history: [], warnings: [] },
}

test('a node without its root is degraded, and why', () => {
  const cause = 'degraded: the NFS server does not answer; reboot after 300 s'
  expect(nodeDescription({ ...node, degraded: true, cause }, 60_000)).toContain(
    `booted for 1 min, degraded (${cause})`,
  )
  expect(nodeDescription(node, 60_000)).not.toContain('degraded')
})

test('what is used of memory, swap, layer and inodes is told with its share, and the last warnings with it', () => {
  const text = nodeDescription(
    {
      ...node,
      telemetry: {
        ...{ at: 0, uptimeSeconds: 60, load: [0, 0, 0], controlRefused: 0 },
        memory: { totalBytes: 4 * gigabyte, availableBytes: gigabyte, cachedBytes: 0, shmemBytes: 0 },
        swap: { totalBytes: 16 * gigabyte, usedBytes: 4 * gigabyte },
        overlay: { totalBytes: 8 * gigabyte, usedBytes: 7 * gigabyte, inodes: 1000, inodesUsed: 500 },
        pressure: { somePercent: 12.5, fullPercent: 3 },
        network: { receivedBytes: 0, sentBytes: 0 },
        agent: { residentBytes: 0, anonymousBytes: 0 },
      },
      warnings: [{ at: 0, level: 'warning', message: 'the writable layer is 87 % full' }],
    },
    1_000,
  )
  expect(text).toMatch(/^memory used +3\.0 GiB of 4\.0 GiB \(75 %\)$/m)
  expect(text).toMatch(/^swap used +4\.0 GiB of 16\.0 GiB \(25 %\)$/m)
  expect(text).toMatch(/^union used +7\.0 GiB of 8\.0 GiB \(87 %\), lost on reboot$/m)
  expect(text).toMatch(/^union inodes +500 of 1000 \(50 %\)$/m)
  expect(text).toMatch(/^pressure +memory was waited for in 12\.5 % of the last 10 s$/m)
  expect(text).toMatch(/^\S+ \S+ +warning +the writable layer is 87 % full$/m)
})
