import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { freeAddress, netmaskOf, virtualNodeMac } from './node-record.ts'

const network = { address: '192.168.152.1', prefix: 24, firstNode: 10 }

describe('addresses', () => {
  test('are the lowest free ones', () => {
    expect(freeAddress(network, new Set())).toBe('192.168.152.10')
    expect(freeAddress(network, new Set(['192.168.152.10', '192.168.152.12']))).toBe('192.168.152.11')
    expect(freeAddress({ ...network, address: '192.168.152.10' }, new Set())).toBe('192.168.152.11')
    expect(freeAddress({ address: '10.1.2.3', prefix: 16, firstNode: 300 }, new Set())).toBe('10.1.1.44')
  })

  test('end before the broadcast address', () => {
    const taken = new Set(Array.from({ length: 245 }, (_, index) => `192.168.152.${index + 10}`))
    expect(() => freeAddress(network, taken)).toThrow(/No address is free in 192.168.152.0\/24/)
  })

  test('have a netmask', () => {
    expect([24, 16, 30, 23].map(netmaskOf)).toEqual([
      '255.255.255.0',
      '255.255.0.0',
      '255.255.255.252',
      '255.255.254.0',
    ])
  })
})

test('the MAC address of a virtual node is that of its name, and unique', () => {
  fc.assert(
    fc.property(fc.string(), (name) => {
      const mac = virtualNodeMac(name, new Set())
      expect(mac).toMatch(/^52:54:00(?::[0-9a-f]{2}){3}$/)
      expect(virtualNodeMac(name, new Set())).toBe(mac)
      expect(virtualNodeMac(name, new Set([mac]))).not.toBe(mac)
    }),
  )
})
