import { expect, it } from 'vitest'
import { createBootTable } from './boot-table.ts'

const boot = (node: string, id: string, address: string) => ({ node, bootId: id.repeat(16), address })

it('knows the newest boot of a node, by name and by address', () => {
  const table = createBootTable()
  table.allow(boot('one', '1', '10.0.0.1'))
  table.allow(boot('one', '2', '10.0.0.1'))
  table.allow(boot('two', '3', '10.0.0.2'))
  expect(table.ofAddress('10.0.0.1')?.bootId).toBe('2'.repeat(16))
  expect(table.ofNode('two')?.address).toBe('10.0.0.2')
  expect(table.ofAddress('10.0.0.3')).toBeUndefined()
})

it('forgets a node that is removed, but not who has its address by then', () => {
  const table = createBootTable()
  table.allow(boot('one', '1', '10.0.0.1'))
  table.allow(boot('two', '2', '10.0.0.1'))
  table.deny('one')
  expect(table.ofNode('one')).toBeUndefined()
  expect(table.ofAddress('10.0.0.1')?.node).toBe('two')
  table.allow(boot('two', '2', '10.0.0.9'))
  expect(table.ofAddress('10.0.0.1')).toBeUndefined()
  table.deny('two')
  expect(table.ofAddress('10.0.0.9')).toBeUndefined()
})
