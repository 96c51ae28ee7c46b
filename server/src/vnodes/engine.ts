/** What runs virtual nodes: QEMU with KVM where that really works, else User Mode Linux, else QEMU emulating. */
import { access, readFile, writeFile } from 'node:fs/promises'
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { runCommand } from '../run-command.ts'
import type { MachineBoot } from './machine-command.ts'

export type Engine = MachineBoot['engine']

export type EngineFacts = {
  qemu: boolean
  kvm: boolean
  /** Why User Mode Linux cannot be used. */
  umlProblem?: string
}

/**
 * Pure.
 * @throws WaltError `engine-missing`
 */
export function chooseEngine(wanted: 'auto' | 'qemu' | 'uml', facts: EngineFacts): Engine {
  const qemu = facts.kvm ? 'qemu-kvm' : 'qemu'
  if (wanted === 'qemu' || (wanted === 'auto' && facts.kvm)) {
    if (facts.qemu) return qemu
    throw new WaltError('engine-missing', 'QEMU is not installed: install the package qemu-system-x86.')
  }
  if (facts.umlProblem === undefined) return 'uml'
  if (wanted === 'auto' && facts.qemu) return qemu
  throw new WaltError('engine-missing', facts.umlProblem)
}

export function isQemuThere(): Promise<boolean> {
  return isThere('/usr/bin/qemu-system-x86_64')
}

/**
 * Whether KVM boots a kernel. /dev/kvm may be there and not do: under nested virtualization a boot sector was seen to run,
 * and a Linux kernel to hang. A kernel that finds no root panics, and then reboots, which ends QEMU.
 * @param kernel of an image; without one, KVM is not used
 * @param cacheFile keeps the answer until this machine is booted again
 */
export async function probeKvm(kernel: string | undefined, cacheFile: string): Promise<boolean> {
  if (kernel === undefined || !(await isThere('/dev/kvm')) || !(await isQemuThere())) return false
  const machineBoot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const [cachedBoot, verdict] = (await readFile(cacheFile, 'utf8').catch(() => '')).split(' ')
  if (cachedBoot === machineBoot) return verdict === 'works'
  const works = await bootsUnderKvm(kernel)
  await writeFile(cacheFile, `${machineBoot} ${works ? 'works' : 'fails'}`)
  return works
}

async function bootsUnderKvm(kernel: string): Promise<boolean> {
  const args = ['-accel', 'kvm', '-cpu', 'host', '-m', '256', '-nodefaults', '-display', 'none', '-no-reboot']
  args.push('-serial', 'stdio', '-kernel', kernel, '-append', 'console=ttyS0 panic=-1 root=/dev/none')
  try {
    return (await runCommand('qemu-system-x86_64', args, { timeoutMs: limits.kvmProbeMs })).includes(
      'Kernel panic',
    )
  } catch (thrown) {
    if (thrown instanceof WaltError && thrown.code === 'command-failed') return false
    throw thrown
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
