import { expect, test } from 'vitest'
import { createNodeIndex, type FleetNode } from './node-index.ts'
import { newNodeStatus } from './node-status.ts'

const network = { address: '192.168.152.1', prefix: 24, firstNode: 10 }

function node(name: string, address: string): FleetNode {
  const record = { name, mac: `mac of ${name}`, model: 'pc-x86-64', virtual: false, address, image: 'i' }
  return { record: { ...record, settings: {}, createdAt: 0 }, status: newNodeStatus(0) }
}

test('finds nodes, and gives the lowest free address, also one that was given back', () => {
  const index = createNodeIndex(network)
  const added = ['a', 'b', 'c'].map((name) => {
    const one = node(name, index.freeAddress())
    index.add(one)
    return one
  })
  expect(added.map((one) => one.record.address)).toEqual([
    '192.168.152.10',
    '192.168.152.11',
    '192.168.152.12',
  ])
  const [, second] = added
  if (!second) throw new Error('no second node')
  expect(index.byMac.get('mac of b')).toBe(second)
  index.delete(second)
  expect(index.nodes.has('b')).toBe(false)
  expect(index.byMac.has('mac of b')).toBe(false)
  expect(index.freeAddress()).toBe('192.168.152.11')
  // Asked for twice, and not taken.
  expect(index.freeAddress()).toBe('192.168.152.11')
})

test('is not led astray by an address of another network, which an earlier configuration had', () => {
  const index = createNodeIndex(network)
  const foreign = node('f', '10.0.0.3')
  index.add(foreign)
  expect(index.freeAddress()).toBe('192.168.152.10')
  index.delete(foreign)
  expect(index.freeAddress()).toBe('192.168.152.10')
})
