import { expect, test } from 'vitest'
import type { NodeView } from '../../src/http/api-schema.ts'
import { batches, titleOf } from './operation-runner.ts'

const nodes = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ name: `vnode${index + 1}` }) as NodeView)

test('names an operation by its nodes, or by how many they are', () => {
  expect(titleOf({ kind: 'reboot', nodes: nodes(12) })).toBe('Reboot vnode[1-12]')
  expect(titleOf({ kind: 'boot', nodes: nodes(1), image: 'debian12' })).toBe('Boot debian12 on vnode1')
  const scattered = nodes(60).filter((_, index) => index % 2 === 0)
  expect(titleOf({ kind: 'wait', nodes: scattered })).toBe('Wait for 30 nodes')
})

test('asks for a large fleet in parts, every node once', () => {
  const names = nodes(250).map((node) => node.name)
  expect(batches(names).map((part) => part.length)).toEqual([100, 100, 50])
  expect(batches(names).flat()).toEqual(names)
  expect(batches([])).toEqual([])
})
