/**
 * A hybrid node's disk, mounted at `diskPoint`:
 *
 *   walt_hybrid/.persistent     makes the mode persistent
 *   walt_hybrid/IMAGE/image     a copy of an image; it is there only when it is whole
 *   walt_hybrid/IMAGE/diff      what differs from it on this node; `work` is the overlay's own
 *   walt_hybrid/IMAGE/booted    its time orders images by when they were last booted
 *   walt_hybrid/local           /local of the node, whatever its image
 *   walt_hybrid/.removed        what is on its way out: moved there in one step, so that no half of it is ever taken for it
 */
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { mkdir, readdir, rename, stat, statfs, utimes, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { imageId } from '@walt/shared/node-names'
import { humanSize } from '@walt/shared/sizes'
import * as v from 'valibot'
import type { Kernel } from '../linux/kernel.ts'
import { hybridFolder, isThere, modeOfFolder } from './disks.ts'
import { bootStamp, chooseRemovals, type ImageFolder, planRoom, roomNeeded } from './hybrid-room.ts'
import { copyImage } from './image-copy.ts'
import { runFolder } from './plan.ts'
import { runProgram } from './programs.ts'
import type { StepOutcome } from './run.ts'

const run = promisify(execFile)

export const diskPoint = `${runFolder}/disk`
const sourcePoint = `${runFolder}/source`
const hybrid = `${diskPoint}/${hybridFolder}`
const removed = `${hybrid}/.removed`

export type HybridImage = { id: string; bytes: number | undefined }

async function imageFolders(): Promise<ImageFolder[]> {
  const folders: ImageFolder[] = []
  for (const entry of await readdir(hybrid, { withFileTypes: true })) {
    if (!entry.isDirectory() || !v.is(imageId, entry.name)) continue
    const path = `${hybrid}/${entry.name}`
    const complete = await isThere(`${path}/image`)
    // What is neither is somebody else's.
    if (!complete && !(await isThere(`${path}/image.part`))) continue
    const stampMs = await stat(`${path}/booted`).then(({ mtimeMs }) => mtimeMs, neverBooted)
    folders.push({ id: entry.name, complete, stampMs })
  }
  return folders
}

function neverBooted(thrown: NodeJS.ErrnoException): number {
  if (thrown.code === 'ENOENT') return 0
  throw thrown
}

/** Moved first, and so gone at once; what a power cut leaves in `.removed` goes at the next boot. */
async function discard(path: string): Promise<void> {
  if (!(await isThere(path))) return
  await mkdir(removed, { recursive: true })
  const names = await readdir(removed)
  await rename(path, `${removed}/${Math.max(0, ...names.map(Number).filter(Number.isInteger)) + 1}`)
  await emptyRemoved()
}

async function emptyRemoved(): Promise<void> {
  if (!(await isThere(removed))) return
  const result = await runProgram('/bin/rm', ['-rf', removed], limits.hybridRemoveMs)
  if (!result.ok)
    throw new WaltError('disk-full', `old files cannot be removed from the disk: ${result.reason}`)
}

async function freeBytes(): Promise<number> {
  const { bavail, bsize } = await statfs(hybrid)
  return bavail * bsize
}

async function makeRoom(
  image: HybridImage,
  oldestFirst: string[],
  say: (line: string) => void,
): Promise<void> {
  if (image.bytes === undefined) return
  const needed = roomNeeded(image.bytes, limits.hybridMarginBytes)
  const free = await freeBytes()
  if (free >= needed) return
  const going = chooseRemovals(await sizesOf(oldestFirst), needed - free)
  if (going === undefined) {
    const message = `not enough room on the disk: ${image.id} needs ${humanSize(needed)}, and ${humanSize(free)} are free`
    throw new WaltError('disk-full', message)
  }
  for (const oldest of going) {
    say(`removing ${oldest} from the disk, to make room`)
    await discard(`${hybrid}/${oldest}`)
  }
}

async function sizesOf(ids: string[]): Promise<{ id: string; bytes: number }[]> {
  if (ids.length === 0) return []
  const paths = ids.map((id) => `${hybrid}/${id}`)
  const { stdout } = await run('/usr/bin/du', ['-s', '-k', ...paths], { timeout: limits.hybridRemoveMs })
  // A line for each, in order: kilobytes, a tab, the path.
  return stdout
    .trim()
    .split('\n')
    .map((line, index) => ({ id: ids[index] ?? '', bytes: Number.parseInt(line, 10) * 1024 }))
}

/** The disk is mounted from here on; `leaveDisk` ends that. */
export async function mountDisk(kernel: Pick<Kernel, 'mountWithin'>, device: string): Promise<void> {
  mkdirSync(diskPoint, { recursive: true })
  await kernel.mountWithin({
    ...{ source: device, target: diskPoint, type: 'ext4', flags: ['no-access-time'], data: '' },
    withinMs: limits.hybridMountMs,
  })
}

export function leaveDisk(kernel: Pick<Kernel, 'unmount'>): void {
  kernel.unmount({ target: diskPoint, lazy: true })
}

/** Sees to it that the image is on the disk; a word on how. The image is this machine's present root. */
export async function bringImage(
  kernel: Pick<Kernel, 'mount' | 'unmount' | 'syncFileSystem'>,
  image: HybridImage,
  say: (line: string) => void,
): Promise<string> {
  await emptyRemoved()
  const folder = `${hybrid}/${image.id}`
  const folders = await imageFolders()
  const plan = planRoom(folders, image.id)
  let how = `${image.id} is on the disk`
  if (plan.kind === 'copy') {
    for (const leftover of plan.leftovers) {
      say(`removing an unfinished copy of ${leftover} from the disk`)
      await discard(`${hybrid}/${leftover}`)
    }
    await makeRoom(image, plan.oldestFirst, say)
    say(`copying ${image.id} to the disk, which is done once`)
    how = `${image.id} copied to the disk: ${await copy(kernel, image, folder, say)}`
  }
  const stamp = bootStamp(folders, image.id, Date.now()) / 1000
  await writeFile(`${folder}/booted`, '')
  await utimes(`${folder}/booted`, stamp, stamp)
  return how
}

async function copy(
  kernel: Pick<Kernel, 'mount' | 'unmount' | 'syncFileSystem'>,
  image: HybridImage,
  folder: string,
  say: (line: string) => void,
): Promise<string> {
  const unfinished = `${folder}/image.part`
  await mkdir(unfinished, { recursive: true })
  mkdirSync(sourcePoint, { recursive: true })
  // The image without what is mounted on it.
  kernel.mount({ source: '/', target: sourcePoint, type: '', flags: ['bind'], data: '' })
  try {
    return await copyImage(kernel, {
      ...{ source: sourcePoint, unfinished, target: `${folder}/image`, imageBytes: image.bytes },
      ...{ stallMs: limits.hybridStallMs, withinMs: limits.hybridCopyMs, progress: say },
    })
  } finally {
    kernel.unmount({ target: sourcePoint, lazy: true })
  }
}

/** The mode is asked for anew: a look without the journal may have missed what was written last. */
export async function mountHybridOverlay(
  kernel: Pick<Kernel, 'mountWithin'>,
  options: { id: string; union: string },
): Promise<{ mode: 'hybrid-volatile' | 'hybrid-persistent'; folder: string; note: string }> {
  const { id, union } = options
  const folder = `${hybrid}/${id}`
  const mode = await modeOfFolder(diskPoint)
  if (mode === 'network') throw new WaltError('disk-changed', `${hybridFolder} is gone from the disk`)
  for (const part of ['diff', 'work']) {
    if (mode === 'hybrid-volatile') await discard(`${folder}/${part}`)
    await mkdir(`${folder}/${part}`, { recursive: true })
  }
  const data = `lowerdir=${folder}/image,upperdir=${folder}/diff,workdir=${folder}/work`
  await kernel.mountWithin({
    ...{ source: 'union', target: union, type: 'overlay', flags: [], data },
    withinMs: limits.hybridMountMs,
  })
  const kept = mode === 'hybrid-persistent' ? 'what changes is kept' : 'what changed before is gone'
  return { mode, folder, note: `${mode}: overlay union on /, ${kept}` }
}

/** A directory of the disk as /local, unless the image has one of its own. */
export async function mountLocal(
  kernel: Pick<Kernel, 'mount'>,
  folder: string,
  union: string,
): Promise<StepOutcome> {
  if (await isThere(`${folder}/image/local`)) return { skipped: 'the image has a /local of its own' }
  const source = `${hybrid}/local`
  await mkdir(source, { recursive: true })
  await mkdir(`${union}/local`, { recursive: true })
  kernel.mount({ source, target: `${union}/local`, type: '', flags: ['bind'], data: '' })
  return '/local on the disk'
}
