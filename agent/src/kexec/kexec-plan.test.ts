import { describe, expect, it } from 'vitest'
import {
  type KexecFacts,
  kexecObstacle,
  memoryObstacle,
  modelObstacle,
  nextCommandLine,
} from './kexec-plan.ts'

const facts: KexecFacts = {
  report: { mode: 'network', virtual: false },
  settings: { kexec: true, serverIp: '192.168.152.1', nodeMac: '52:54:00:12:34:56' },
  allowed: '1',
  kernelCan: true,
}

describe('kexec', () => {
  it.each<[string, Partial<KexecFacts>, RegExp | undefined]>([
    ['may be used on a physical node in network mode', {}, undefined],
    ['may be used by hand, where no daemon says anything', { allowed: undefined }, undefined],
    ['is nothing for a machine that was not booted by us', { report: undefined }, /not booted by walt-agent/],
    ['is nothing for a virtual node', { report: { mode: 'network', virtual: true } }, /virtual/],
    ['is nothing for a node with a disk', { report: { mode: 'hybrid-volatile', virtual: false } }, /hybrid/],
    ['is forbidden by the daemon', { allowed: '0' }, /not allowed/],
    ['is forbidden by the command line', { settings: { ...facts.settings, kexec: false } }, /not allowed/],
    ['needs a kernel that can', { kernelCan: false }, /cannot kexec/],
    ['needs a server to ask', { settings: { kexec: true } }, /walt\.server\.ip=/],
  ])('%s', (_, given, obstacle) => {
    const found = kexecObstacle({ ...facts, ...given })
    if (obstacle) expect(found).toMatch(obstacle)
    else expect(found).toBeUndefined()
  })

  it('tells the next kernel what the server says, and keeps what belongs to the machine', () => {
    const running = 'walt.boot.id=00000000000000aa ro console=tty0 console=ttyS0 panic=1 BOOTIF=01-aa quiet'
    expect(nextCommandLine('ro walt.boot.id=00000000000000bb panic=5', running)).toBe(
      'ro walt.boot.id=00000000000000bb panic=5 console=tty0 console=ttyS0 BOOTIF=01-aa',
    )
  })

  it('takes no kernel of another model', () => {
    expect(modelObstacle({ model: 'pc-x86-64' }, 'pc-x86-64')).toBeUndefined()
    expect(modelObstacle({ model: 'rpi-4-b' }, 'pc-x86-64')).toMatch(/rpi-4-b.*pc-x86-64/)
  })

  it('needs memory for three copies of kernel and initrd', () => {
    expect(memoryObstacle(20 * 1024 ** 2, 60 * 1024 ** 2)).toBeUndefined()
    expect(memoryObstacle(20 * 1024 ** 2, 59 * 1024 ** 2)).toMatch(/60\.0 MiB.*59\.0 MiB/)
  })
})
