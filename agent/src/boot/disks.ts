/** Boot mode: every ext4 file system of the machine is looked at for WalT's directory `walt_hybrid`. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { BootMode } from '@walt/shared/boot-report'
import { limits } from '@walt/shared/limits'
import type { Kernel } from '../linux/kernel.ts'
import { runFolder } from './plan.ts'

const blockFolder = '/sys/class/block'
const lookPoint = `${runFolder}/disk`
/** Never a disk of the machine's own, and some of them hang when read. */
const notDisks = /^(?:loop|ram|zram|nbd|sr|fd|md|dm-)[0-9]*/
const magicOffset = 1024 + 56
const ext4Magic = 0xef53

/** Pure: what a file system says about the boot mode. */
export function bootModeOf(found: { hybrid: boolean; persistent: boolean }): BootMode {
  if (!found.hybrid) return 'network'
  return found.persistent ? 'hybrid-persistent' : 'hybrid-volatile'
}

async function holdsExt4(device: string): Promise<boolean> {
  const file = await open(device, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, magicOffset)
    return bytesRead === 2 && buffer.readUInt16LE(0) === ext4Magic
  } finally {
    await file.close()
  }
}

function modeOfFileSystem(kernel: Pick<Kernel, 'mount' | 'unmount'>, device: string): BootMode {
  mkdirSync(lookPoint, { recursive: true })
  // noload: a journal is not replayed just to have a look.
  kernel.mount({ source: device, target: lookPoint, type: 'ext4', flags: ['read-only'], data: 'noload' })
  try {
    const folder = `${lookPoint}/walt_hybrid`
    return bootModeOf({ hybrid: existsSync(folder), persistent: existsSync(`${folder}/.persistent`) })
  } finally {
    kernel.unmount({ target: lookPoint })
  }
}

/** The first disk that asks for a hybrid boot mode, if any. */
export async function findHybridDisk(
  kernel: Pick<Kernel, 'mount' | 'unmount'>,
): Promise<{ device: string; mode: BootMode } | undefined> {
  const names = existsSync(blockFolder) ? readdirSync(blockFolder) : []
  const disks = names.filter((name) => !notDisks.test(name)).slice(0, limits.bootDisksMax)
  for (const name of disks) {
    const device = `/dev/${name}`
    if (!existsSync(device) || !(await holdsExt4(device))) continue
    const mode = modeOfFileSystem(kernel, device)
    if (mode !== 'network') return { device, mode }
  }
  return undefined
}
