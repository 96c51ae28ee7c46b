import { describe, expect, it } from 'vitest'
import type { MachineBoot } from './machine-command.ts'
import { umlCommand } from './uml.ts'

const boot: MachineBoot = {
  bootId: '0123456789abcdef',
  kernelArguments: 'root=/dev/nfs nfsroot=192.168.152.1:/i ro init=/bin/walt-init walt.swap=16G',
  kernel: '/i/boot/kernel',
  initrd: '/i/boot/initrd',
  mac: '52:54:00:00:00:01',
  ramBytes: 512 * 1024 ** 2,
  disks: ['/n/disk_0.img', '/n/disk_1.img'],
  cores: 4,
  engine: 'uml',
}
const place = { name: 'vnode1', tap: 'walt000001' }

describe('a node in User Mode Linux', () => {
  const files = { stub: '/s/stub', runFolder: '/s/run', fullXstate: '/s/x.so', memoryFolder: '/dev/shm' }
  const { args, environment } = umlCommand(boot, place, files)

  it('cannot start itself anew on a reboot', () => {
    expect(args[1]).toContain('exec -a /bin/true linux.uml')
  })

  it('boots the stub, which finds the init of the node before its own', () => {
    const inits = args.filter((word) => word.startsWith('init='))
    expect(inits).toEqual(['init=/bin/walt-init', 'init=/init'])
    expect(args.filter((word) => word.startsWith('root=')).at(-1)).toBe('root=/dev/root')
  })

  it('has its disks', () => {
    expect(args).toContain('ubd0=/n/disk_0.img')
    expect(args).toContain('ubd1=/n/disk_1.img')
  })

  it('sees nothing of this machine but the stub', () => {
    expect(args).toContain('hostfs=/s/stub')
    expect(environment).toEqual({ TMPDIR: '/dev/shm' })
  })
})
