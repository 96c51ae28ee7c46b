import { existsSync, readFileSync } from 'node:fs'
import { runProgram } from './programs.ts'
import type { StepOutcome } from './run.ts'

/** The kernel's own lists of what it can do, loaded or built in. */
export type KernelLists = { fileSystems: string; devices: string }

export function readKernelLists(): KernelLists {
  return {
    fileSystems: readFileSync('/proc/filesystems', 'utf8'),
    devices: readFileSync('/proc/devices', 'utf8'),
  }
}

/** Pure: which of the modules the kernel lacks, by what each would add to the lists. */
export function missingModules(names: string[], lists: KernelLists): string[] {
  return names.filter((name) => {
    const list = name === 'nbd' ? lists.devices : lists.fileSystems
    return !list.split('\n').some((line) => line.trim().split(/\s+/).at(-1) === name)
  })
}

/** A fork costs more than all the system calls of a boot, so nothing is run when nothing is missing. */
export async function loadModules(names: string[], withinMs: number): Promise<StepOutcome> {
  const wanted = missingModules(names, readKernelLists())
  if (wanted.length === 0) return { skipped: 'the kernel has them' }
  const modprobe = ['/sbin/modprobe', '/usr/sbin/modprobe'].find((path) => existsSync(path))
  if (modprobe === undefined) throw new Error(`${wanted.join(', ')} missing, and the image has no modprobe`)
  const result = await runProgram(modprobe, ['-a', ...wanted], withinMs)
  const missing = missingModules(wanted, readKernelLists())
  if (missing.length > 0) {
    throw new Error(`${missing.join(', ')} cannot be loaded${result.ok ? '' : ` (${result.reason})`}`)
  }
  return `modules ${wanted.join(', ')}`
}
