/**
 * Boot mode: every ext4 file system of the machine is looked at for WalT's directory `walt_hybrid`. Disks are the user's:
 * nothing is written by a look, no journal replayed, and one that cannot be read hides none of the others.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { access } from 'node:fs/promises'
import type { BootMode } from '@walt/shared/boot-report'
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Kernel } from '../linux/kernel.ts'
import { probeExt4 } from './ext4.ts'
import { runFolder } from './plan.ts'

const blockFolder = '/sys/class/block'
const lookPoint = `${runFolder}/look`
/** Never a disk of the machine's own, and some of them hang when read. */
const notDisks = /^(?:loop|ram|zram|nbd|sr|fd|md|dm-)[0-9]*/

export const hybridFolder = 'walt_hybrid'
export const persistentMark = '.persistent'

/** Pure: what a file system says about the boot mode. */
export function bootModeOf(found: { hybrid: boolean; persistent: boolean }): BootMode {
  if (!found.hybrid) return 'network'
  return found.persistent ? 'hybrid-persistent' : 'hybrid-volatile'
}

/** Pure: names of block devices that may hold a file system of the machine's own, in order. */
export function diskNames(names: readonly string[]): string[] {
  const disks = names.filter((name) => !notDisks.test(name))
  return disks.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).slice(0, limits.bootDisksMax)
}

/** Asynchronous, since a disk that dies may hold whoever reads it. */
export function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false
      throw error
    },
  )
}

export async function modeOfFolder(root: string): Promise<BootMode> {
  const folder = `${root}/${hybridFolder}`
  return bootModeOf({
    hybrid: await isThere(folder),
    persistent: await isThere(`${folder}/${persistentMark}`),
  })
}

type DiskKernel = Pick<Kernel, 'mountWithin' | 'unmount'>

/** Errors count only where a hybrid boot is asked for: other disks are none of our business. */
async function lookAt(kernel: DiskKernel, device: string): Promise<{ mode: BootMode; errors: boolean }> {
  const found = await probeExt4(device)
  if (found === undefined) return { mode: 'network', errors: false }
  mkdirSync(lookPoint, { recursive: true })
  await kernel.mountWithin({
    ...{ source: device, target: lookPoint, type: 'ext4', flags: ['read-only'], data: 'noload' },
    withinMs: limits.bootDiskLookMs,
  })
  try {
    return { mode: await modeOfFolder(lookPoint), errors: found.errors }
  } finally {
    kernel.unmount({ target: lookPoint, lazy: true })
  }
}

export type DiskLook = {
  /** The first disk that asks for a hybrid boot mode. */
  hybrid?: { device: string; mode: BootMode; errors: boolean }
  /** Disks that could not be looked at, and why. */
  unread: string[]
}

export async function lookAtDisks(kernel: DiskKernel): Promise<DiskLook> {
  const unread: string[] = []
  for (const name of diskNames(existsSync(blockFolder) ? readdirSync(blockFolder) : [])) {
    const device = `/dev/${name}`
    if (!existsSync(device)) continue
    try {
      const { mode, errors } = await lookAt(kernel, device)
      if (mode !== 'network') return { hybrid: { device, mode, errors }, unread }
    } catch (thrown) {
      unread.push(`${device}: ${reasonOf(thrown)}`)
    }
  }
  return { unread }
}
