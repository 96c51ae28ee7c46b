import { expect, it } from 'vitest'
import type { NodeListEntry, ServerStatus } from '../http/api-schema.ts'
import { sortedNodes, topText } from './top-table.ts'

const mebi = 1024 ** 2

function node(name: string, changes: Partial<NodeListEntry> = {}, used = 100): NodeListEntry {
  return {
    ...{ name, mac: '', model: 'pc', virtual: true, address: '', image: 'debian12', createdAt: 0 },
    ...{ settings: { given: {}, effective: {} }, state: 'booted', since: 0, bootTries: 0 },
    telemetry: {
      ...{ at: 0, uptimeSeconds: 1, load: [used / 100, 0, 0], controlRefused: 0 },
      memory: { totalBytes: 500 * mebi, availableBytes: (500 - used) * mebi, cachedBytes: 0, shmemBytes: 0 },
      swap: { totalBytes: 1024 * mebi, usedBytes: used * mebi },
      overlay: { totalBytes: 200 * mebi, usedBytes: used * mebi, inodes: 10, inodesUsed: 1 },
      network: { receivedBytes: 0, sentBytes: 0 },
      agent: { residentBytes: 0, anonymousBytes: 0 },
    },
    ...changes,
  }
}

const status = {
  nodes: { total: 3, booted: 2, booting: 0, rebooting: 0, down: 1 },
  swap: { usedBytes: 1024 * mebi, quotaBytes: 4096 * mebi },
} as ServerStatus

it('has a line for the whole and one for each node, without old figures of a node that is down', () => {
  const nodes = [node('vnode2'), node('vnode10', { state: 'down', since: 5_000 }), node('vnode1', {}, 150)]
  const lines = topText(nodes, status, { order: 'name', now: 65_000 }).split('\n')
  expect(lines[0]).toBe('3 nodes: 2 booted, 1 down   swap 1.0 GiB of 4.0 GiB   sorted by name')
  expect(lines[2]).toMatch(/^NODE +STATE +FOR +IMAGE +LOAD +MEMORY +SWAP +UNION +TEMP$/)
  expect(lines[3]).toMatch(
    /^vnode1 +booted +1 min 5 s +debian12 +1\.50 +30% of 500\.0 MiB +150\.0 MiB +75% of 200\.0 MiB +-$/,
  )
  expect(lines[4]).toMatch(/^vnode2 /)
  expect(lines[5]).toMatch(/^vnode10 +down +1 min +debian12 +- +- +- +- +-$/)
})

it('sorts by what is most, or worst', () => {
  const nodes = [node('a', {}, 10), node('b', { state: 'lost' }, 20), node('c', { degraded: true }, 30)]
  const names = (order: Parameters<typeof sortedNodes>[1]) =>
    sortedNodes(nodes, order).map(({ name }) => name)
  expect(names('load')).toEqual(['c', 'b', 'a'])
  expect(names('state')).toEqual(['b', 'c', 'a'])
  expect(names('name')).toEqual(['a', 'b', 'c'])
})

it('shows as many nodes as there is room for', () => {
  const nodes = Array.from({ length: 50 }, (_, number) => node(`n${number}`))
  const lines = topText(nodes, status, { order: 'name', now: 0, rows: 24 }).split('\n')
  expect(lines).toHaveLength(25)
  expect(lines.at(-1)).toBe('and 29 more')
})
