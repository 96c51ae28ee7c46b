import { describe, expect, it } from 'vitest'
import type { MachineBoot } from './machine-command.ts'
import { qemuCommand } from './qemu.ts'

const boot: MachineBoot = {
  bootId: '0123456789abcdef',
  kernelArguments: 'root=/dev/nfs nfsroot=192.168.152.1:/i ro init=/bin/walt-init walt.swap=16G',
  kernel: '/i/boot/kernel',
  initrd: '/i/boot/initrd',
  mac: '52:54:00:00:00:01',
  ramBytes: 512 * 1024 ** 2,
  disks: ['/n/disk_0.img', '/n/disk_1.img'],
  cores: 4,
  engine: 'qemu',
}
const place = { name: 'vnode1', tap: 'walt000001' }

function after(args: readonly string[], option: string): string | undefined {
  return args[args.indexOf(option) + 1]
}

describe('a node in QEMU', () => {
  it('ends when it reboots', () => {
    expect(qemuCommand(boot, place).args).toContain('-no-reboot')
  })

  it('has one processor where it is emulated, and all with KVM', () => {
    expect(after(qemuCommand(boot, place).args, '-smp')).toBe('1')
    expect(after(qemuCommand({ ...boot, engine: 'qemu-kvm' }, place).args, '-smp')).toBe('4')
  })

  it('has its disks', () => {
    const { args } = qemuCommand(boot, place)
    expect(args.filter((word) => word.startsWith('file='))).toEqual([
      'file=/n/disk_0.img,format=raw,if=none,id=disk0,discard=unmap',
      'file=/n/disk_1.img,format=raw,if=none,id=disk1,discard=unmap',
    ])
    expect(args).toContain('virtio-blk-pci,drive=disk1')
  })

  it('has the memory, the tap and the kernel arguments that it was given', () => {
    const { args } = qemuCommand(boot, place)
    expect(after(args, '-m')).toBe('512M')
    expect(after(args, '-netdev')).toContain('ifname=walt000001')
    expect(after(args, '-append')).toMatch(/^root=\/dev\/nfs .*walt\.swap=16G/)
  })
})
