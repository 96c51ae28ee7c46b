import { describe, expect, it } from 'vitest'
import { hostsWithName } from './identity.ts'

describe('hosts of a node', () => {
  it('replaces the name of the machine that the image was made on', () => {
    const hosts = '127.0.0.1\tlocalhost\n127.0.1.1\tbuilder\n\n10.0.0.1\tserver\n'
    expect(hostsWithName(hosts, 'vnode1')).toBe('127.0.0.1\tlocalhost\n10.0.0.1\tserver\n127.0.1.1\tvnode1\n')
  })

  it('makes a file where the image has none', () => {
    expect(hostsWithName('', 'vnode1')).toBe('127.0.0.1\tlocalhost\n127.0.1.1\tvnode1\n')
  })
})
