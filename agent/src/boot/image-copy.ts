/**
 * Copies the image to the disk, by one child for the whole tree. What is not finished has another name, so that the
 * power may go at any time: the next boot begins the copy anew.
 */
import { spawn } from 'node:child_process'
import { rename, statfs } from 'node:fs/promises'
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { humanSize } from '@walt/shared/sizes'
import type { Kernel } from '../linux/kernel.ts'
import { programPath } from './programs.ts'

export type ImageCopy = {
  source: string
  /** Where it is made, beside where it comes to be. */
  unfinished: string
  target: string
  imageBytes: number | undefined
  /** A copy that gets no further for so long is given up. */
  stallMs: number
  withinMs: number
  progress: (line: string) => void
}

/** Bytes and names that the file system still has room for: whoever copies uses up one or the other. */
async function roomIn(path: string): Promise<{ bytes: number; entries: number }> {
  const { bavail, bsize, ffree } = await statfs(path)
  return { bytes: bavail * bsize, entries: ffree }
}

/** @throws WaltError `copy-failed` */
export async function copyImage(kernel: Pick<Kernel, 'syncFileSystem'>, copy: ImageCopy): Promise<string> {
  const began = performance.now()
  const bytes = await runCopy(copy)
  const flush = () => kernel.syncFileSystem({ path: copy.unfinished, withinMs: limits.hybridFlushMs })
  await flush()
  await rename(copy.unfinished, copy.target)
  await kernel.syncFileSystem({ path: copy.target, withinMs: limits.hybridFlushMs })
  return `${humanSize(bytes)} in ${Math.round((performance.now() - began) / 1000)} s`
}

async function runCopy(copy: ImageCopy): Promise<number> {
  const { source, unfinished, imageBytes, stallMs } = copy
  const before = await roomIn(unfinished)
  const began = performance.now()
  const env = { ...process.env, PATH: programPath, LC_ALL: 'C' }
  // -a keeps owners, modes, times, links of both kinds, and devices.
  const child = spawn('/bin/cp', ['-a', `${source}/.`, unfinished], {
    ...{ stdio: ['ignore', 'ignore', 'pipe'], detached: true, env },
  })
  let complaint = ''
  child.stderr.on('data', (text: Buffer) => {
    // The first says most: those that follow are often of the same kind.
    if (complaint.length < limits.bootComplaintMaxChars) complaint += text.toString('latin1')
  })
  let cause: string | undefined
  const end = (why: string) => {
    cause ??= why
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
  }
  let [last, movedAt, toldAt] = [before, began, began]
  async function look(): Promise<void> {
    const room = await roomIn(unfinished)
    const now = performance.now()
    if (room.bytes !== last.bytes || room.entries !== last.entries) [last, movedAt] = [room, now]
    if (now - movedAt > stallMs) end(`it got no further for ${Math.round(stallMs / 1000)} s`)
    if (now - began > copy.withinMs) end(`it took over ${Math.round(copy.withinMs / 1000)} s`)
    if (now - toldAt < limits.hybridProgressMs) return
    toldAt = now
    const whole = imageBytes === undefined ? '' : ` of ${humanSize(imageBytes)}`
    copy.progress(`copying the image to the disk: ${humanSize(before.bytes - last.bytes)}${whole}`)
  }
  const timer = setInterval(() => {
    look().catch((thrown: Error) => end(thrown.message))
  }, limits.hybridLookMs)
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve(code))
    })
    if (status !== 0) {
      const why = cause ?? (complaint.split('\n')[0] || `cp ended with status ${status}`)
      throw new WaltError('copy-failed', `the image could not be copied to the disk: ${why}`)
    }
  } finally {
    clearInterval(timer)
  }
  return before.bytes - (await roomIn(unfinished)).bytes
}
