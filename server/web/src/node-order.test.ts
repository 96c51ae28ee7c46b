import { resolveNodeSet } from '@walt/shared/node-sets'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NodeView } from '../../src/http/api-schema.ts'
import { countStates, everything, nodeSetOf, queryNodes } from './node-order.ts'

const node = (name: string, more: Partial<NodeView> = {}): NodeView => ({
  name,
  mac: '02:00:00:00:00:01',
  model: 'pc-x86-64',
  virtual: true,
  address: '192.168.152.10',
  image: 'debian12',
  createdAt: 0,
  settings: { given: {}, effective: {} },
  state: 'booted',
  since: 0,
  bootTries: 0,
  ...more,
})
const fleet = [
  node('vnode10', { state: 'down', cause: 'its connection was lost', since: 30 }),
  node('vnode2', { image: 'debian13', since: 10 }),
  node('vnode1', { since: 20 }),
  node('gateway', { state: 'booting', address: '192.168.152.9' }),
]
const names = (query: Partial<typeof everything>) =>
  queryNodes(fleet, { ...everything, ...query }).shown.map((one) => one.name)

test('orders names as a person counts, and by what needs a person first', () => {
  expect(names({})).toEqual(['gateway', 'vnode1', 'vnode2', 'vnode10'])
  expect(names({ sort: 'state' })).toEqual(['vnode10', 'gateway', 'vnode1', 'vnode2'])
  expect(names({ sort: 'since' })).toEqual(['vnode10', 'vnode1', 'vnode2', 'gateway'])
  expect(names({ sort: 'address', descending: true })).toEqual(['vnode1', 'vnode2', 'vnode10', 'gateway'])
})

test('finds words anywhere, and node sets', () => {
  expect(names({ text: 'VNODE lost' })).toEqual(['vnode10'])
  expect(names({ text: 'vnode[1-2]' })).toEqual(['vnode1', 'vnode2'])
  expect(names({ text: 'image:debian13, gateway' })).toEqual(['gateway', 'vnode2'])
  expect(names({ text: 'down-nodes' })).toEqual(['gateway', 'vnode10'])
  expect(names({ states: ['booting', 'down'] })).toEqual(['gateway', 'vnode10'])
})

test('says why a set shows nothing, also while it is typed', () => {
  expect(queryNodes(fleet, { ...everything, text: 'vnode[1-3]' })).toMatchObject({
    shown: [],
    problem: expect.stringContaining('vnode3'),
  })
  for (const text of ['vnode[', 'vnode[1', 'vnode[1-', 'vnode1,'])
    expect(() => queryNodes(fleet, { ...everything, text })).not.toThrow()
  expect(names({ text: 'vnode1,' })).toEqual(['vnode1'])
})

test('counts every state', () => {
  expect(countStates(fleet)).toEqual({
    booted: 2,
    booting: 1,
    down: 1,
    lost: 0,
    new: 0,
    off: 0,
    rebooting: 0,
  })
})

test('writes names as a set that means the same names', () => {
  expect(nodeSetOf(['vnode3', 'vnode1', 'vnode2', 'gateway', 'vnode7'])).toBe('gateway,vnode[1-3],vnode7')
  expect(nodeSetOf(['a01', 'a02'])).toBe('a0[1-2]')
  const name = fc.tuple(fc.constantFrom('a', 'vnode', 'b-'), fc.nat(30)).map(([word, at]) => `${word}${at}`)
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 1 }), (list) => {
      const nodes = list.map((one) => ({ name: one, image: '', booted: true }))
      expect(resolveNodeSet(nodeSetOf(list), nodes).toSorted()).toEqual(list.toSorted())
    }),
  )
})
