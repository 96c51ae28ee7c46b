/**
 * The root of the next user space, at /run/nextroot: a fresh overlay over the image that the boot stage mounted.
 *
 * systemd keeps what is mounted in the new root already, and else binds /run there without what is mounted below it
 * (switch_root() in its src/shared/switch-root.c). So /run is put there here, with the image and the fresh tmpfs below it,
 * to be found where those of a boot are. All is private: the old ones are unmounted at the end of the old user space, and
 * shared mounts would go with them.
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { isMountPoint } from '../boot/facts.ts'
import { takeIdentity } from '../boot/identity.ts'
import { imagePoint, runFolder, tmpfsPoint } from '../boot/plan.ts'
import type { Kernel } from '../linux/kernel.ts'

const nextRoot = '/run/nextroot'
/** Where the fresh tmpfs is until it has its place below the new root. */
const freshPoint = `${runFolder}/next`

/** Inside of the tmpfs: what it says is true of the overlay that the tmpfs belongs to, whatever becomes of a restart. */
const userSpaceFile = 'user-space'
export const userSpacePath = `${tmpfsPoint}/${userSpaceFile}`

/** How often user space was restarted in this boot; the boot stage leaves no file. */
export function readUserSpace(path: string): number {
  try {
    return Number.parseInt(readFileSync(path, 'utf8'), 10)
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return 0
    throw thrown
  }
}

export type NextRoot = {
  tmpfsData: string
  nodeName: string | undefined
  persist: boolean
  userSpace: number
}

type Mounts = Pick<Kernel, 'mount' | 'unmount' | 'setHostname'>

/** @throws WaltError `kernel-call-failed`; then nothing stays mounted */
export function makeNextRoot(kernel: Mounts, next: NextRoot): void {
  // Of a restart that did not happen.
  dropNextRoot(kernel)
  try {
    build(kernel, next)
  } catch (thrown) {
    dropNextRoot(kernel)
    throw thrown
  }
}

function build(kernel: Mounts, { tmpfsData, nodeName, persist, userSpace }: NextRoot): void {
  mkdirSync(freshPoint, { recursive: true })
  kernel.mount({ source: 'walt', target: freshPoint, type: 'tmpfs', flags: [], data: tmpfsData })
  mkdirSync(`${freshPoint}/upper`)
  mkdirSync(`${freshPoint}/work`)
  writeFileSync(`${freshPoint}/${userSpaceFile}`, `${userSpace}\n`)

  mkdirSync(nextRoot, { recursive: true })
  const data = `lowerdir=${imagePoint},upperdir=${freshPoint}/upper,workdir=${freshPoint}/work`
  kernel.mount({ source: 'union', target: nextRoot, type: 'overlay', flags: [], data })
  if (nodeName !== undefined) takeIdentity(kernel, nextRoot, nodeName)

  bindPrivately(kernel, '/run', `${nextRoot}/run`)
  bindPrivately(kernel, imagePoint, `${nextRoot}${imagePoint}`)
  bindPrivately(kernel, freshPoint, `${nextRoot}${tmpfsPoint}`)
  if (persist) bindPrivately(kernel, '/persist', `${nextRoot}/persist`)
  kernel.unmount({ target: freshPoint })
  rmdirSync(freshPoint)
}

function bindPrivately(kernel: Pick<Kernel, 'mount'>, source: string, target: string): void {
  mkdirSync(target, { recursive: true })
  kernel.mount({ source, target, type: '', flags: ['bind'], data: '' })
  kernel.mount({ source: 'none', target, type: '', flags: ['private'], data: '' })
}

function dropNextRoot(kernel: Pick<Kernel, 'unmount'>): void {
  for (const target of [nextRoot, freshPoint]) {
    if (isMountPoint(target)) kernel.unmount({ target, lazy: true })
  }
}
