import { resolveNodeSet } from '@walt/shared/node-sets'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { brieflyNamed, outcomeLines } from './outcomes.ts'

describe('brieflyNamed', () => {
  test('writes runs of three and more as a range', () => {
    expect(brieflyNamed(['vnode1', 'vnode2', 'vnode3', 'gateway'])).toBe('vnode[1-3],gateway')
    expect(brieflyNamed(['vnode1', 'vnode2'])).toBe('vnode1,vnode2')
    expect(brieflyNamed(['vnode9', 'vnode10', 'vnode11', 'rpi5b-2'])).toBe('vnode[9-11],rpi5b-2')
    expect(brieflyNamed([])).toBe('')
  })

  test('is a node set of the same nodes', () => {
    const name = fc.tuple(fc.constantFrom('vnode', 'rpi5b-', 'a', 'a0'), fc.nat({ max: 30 }))
    const names = fc.uniqueArray(
      name.map(([stem, number]) => `${stem}${number}`),
      { minLength: 1 },
    )
    fc.assert(
      fc.property(names, (given) => {
        const nodes = given.map((one) => ({ name: one, image: 'debian12', booted: true }))
        expect(resolveNodeSet(brieflyNamed(given), nodes)).toEqual(given)
      }),
    )
  })
})

test('outcomeLines puts nodes of the same outcome on one line, in the order of first appearance', () => {
  const results = [
    { node: 'vnode1', message: 'vnode1: rebooted OK.' },
    { node: 'rpi1', message: 'rpi1: failed soft-reboot (no answer) and hard-reboot (no power control)' },
    { node: 'vnode2', message: 'vnode2: rebooted OK.' },
  ]
  expect(outcomeLines(results)).toEqual([
    'vnode1,vnode2: rebooted OK.',
    'rpi1: failed soft-reboot (no answer) and hard-reboot (no power control)',
  ])
})
