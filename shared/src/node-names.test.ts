import fc from 'fast-check'
import * as v from 'valibot'
import { expect, it } from 'vitest'
import { bootId, imageName, ipv4Address, macAddress, nodeName } from './node-names.ts'

it('a node name is a host name', () => {
  for (const name of ['vnode1', 'a', 'rpi5b-2', 'a'.repeat(63)]) expect(v.is(nodeName, name)).toBe(true)
  for (const name of ['', '1node', '-a', 'a-', 'Vnode', 'a.b', 'a_b', 'a/b', 'a b', 'a\n', 'a'.repeat(64)])
    expect(v.is(nodeName, name)).toBe(false)
})

it('a node name is no word of a node set', () => {
  for (const name of ['all-nodes', 'booted-nodes', 'down-nodes']) expect(v.is(nodeName, name)).toBe(false)
})

it('names that are folders and topics can neither leave them nor widen them', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', '.', '/', '+', '#', '-', '_', '\0', '\n', 'é'), maxLength: 8 }),
      (text) => {
        for (const schema of [nodeName, imageName]) {
          if (v.is(schema, text)) expect(text).toMatch(/^[a-z](?:[a-z0-9._-]*[a-z0-9])?$/)
        }
      },
    ),
  )
  expect(v.is(imageName, '..')).toBe(false)
})

it('addresses and boot ids have one form each', () => {
  expect(v.parse(macAddress, '52:54:00:AB:cd:ef')).toBe('52:54:00:ab:cd:ef')
  for (const mac of ['52-54-00-12-34-56', '52:54:00:12:34', '52:54:00:12:34:5g'])
    expect(v.is(macAddress, mac)).toBe(false)
  expect(v.is(ipv4Address, '192.168.152.10')).toBe(true)
  for (const address of ['192.168.152', '256.1.1.1', '::1', '1.2.3.4 ', '1.2.3.4/24'])
    expect(v.is(ipv4Address, address)).toBe(false)
  expect(v.is(bootId, '0123456789abcdef')).toBe(true)
  for (const id of ['0123456789ABCDEF', '0123456789abcde', '0123456789abcdef0'])
    expect(v.is(bootId, id)).toBe(false)
})
