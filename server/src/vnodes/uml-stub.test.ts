import { describe, expect, it } from 'vitest'
import { loadOrder } from './uml-stub.ts'

const dependencies = `kernel/net/sunrpc.ko:
kernel/fs/lockd.ko: kernel/net/sunrpc.ko kernel/fs/grace.ko
kernel/fs/grace.ko:
kernel/fs/nfs.ko: kernel/fs/lockd.ko kernel/net/sunrpc.ko kernel/fs/grace.ko
kernel/drivers/nbd.ko:
`

describe('modules of the stub', () => {
  it('come each after what they need, once, with their options', () => {
    expect(loadOrder(dependencies, ['nfs', 'nbd nbds_max=2', 'lockd']).map(({ line }) => line)).toEqual([
      'grace',
      'sunrpc',
      'lockd',
      'nfs',
      'nbd nbds_max=2',
    ])
  })

  it('are left out where the kernel has them built in', () => {
    expect(loadOrder(dependencies, ['overlay'])).toEqual([])
  })
})
