import { describe, expect, it } from 'vitest'
import { ganeshaConfig, kernelExports, networkOf } from './nfs-exports.ts'

const node = (last: number) => ({ address: `192.168.152.${last}`, persistPath: `/s/nodes/n${last}/persist` })
const exports = (...nodes: number[]) => ({
  imagesFolder: '/s/images',
  network: '192.168.152.0/24',
  nodes: nodes.map(node),
})
const idOf = (config: string, path: string) =>
  new RegExp(`Export_Id = ([0-9]+);\\n {2}Path = ${path};`).exec(config)?.[1]

describe('NFS exports', () => {
  it('give images to every node, read-only, and /persist to its own node', () => {
    const config = ganeshaConfig(exports(10))
    expect(config).toContain('Clients = 192.168.152.0/24; Access_Type = RO;')
    expect(config).toContain('Clients = 192.168.152.10; Access_Type = RW;')
  })

  it('keep their numbers when other nodes come and go', () => {
    const before = idOf(ganeshaConfig(exports(10, 11)), '/s/nodes/n11/persist')
    expect(before).toBeDefined()
    expect(idOf(ganeshaConfig(exports(11, 12)), '/s/nodes/n11/persist')).toBe(before)
    expect(idOf(ganeshaConfig(exports(10)), '/s/images')).toBe('1')
  })

  it('are the same for the kernel', () => {
    expect(kernelExports(exports(10)).map(({ client, options }) => [client, options.slice(0, 2)])).toEqual([
      ['192.168.152.0/24', 'ro'],
      ['192.168.152.10', 'rw'],
    ])
  })

  it('know the network of an address', () => {
    expect(networkOf('192.168.152.1', 24)).toBe('192.168.152.0/24')
    expect(networkOf('10.1.2.3', 9)).toBe('10.0.0.0/9')
  })
})
