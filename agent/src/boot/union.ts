/** The node's root: mounts before it, the overlay, and the pivot into it. */
import { mkdirSync } from 'node:fs'
import type { Kernel, MountRequest } from '../linux/kernel.ts'
import { isMountPoint } from './facts.ts'
import { imagePoint, tmpfsPoint } from './plan.ts'

const early: Record<string, Omit<MountRequest, 'target'>> = {
  '/proc': { source: 'proc', type: 'proc', flags: ['no-suid', 'no-dev', 'no-exec'], data: '' },
  '/sys': { source: 'sysfs', type: 'sysfs', flags: ['no-suid', 'no-dev', 'no-exec'], data: '' },
  '/dev': { source: 'devtmpfs', type: 'devtmpfs', flags: ['no-suid'], data: 'mode=755' },
  '/dev/pts': {
    source: 'devpts',
    type: 'devpts',
    flags: ['no-suid', 'no-exec'],
    data: 'gid=5,mode=620,ptmxmode=666',
  },
  '/run': { source: 'tmpfs', type: 'tmpfs', flags: ['no-suid', 'no-dev'], data: 'mode=755' },
}

export function mountEarly(kernel: Pick<Kernel, 'mount'>, targets: string[]): string {
  for (const target of targets) {
    const how = early[target]
    if (how === undefined) continue
    // /dev/pts does not exist in a devtmpfs just mounted; the other directories are the image's.
    if (target === '/dev/pts') mkdirSync(target, { recursive: true })
    kernel.mount({ target, ...how })
  }
  return `${targets.join(', ')} mounted`
}

export function mountTmpfs(kernel: Pick<Kernel, 'mount'>, size: string, inodes: number): string {
  mkdirSync(tmpfsPoint, { recursive: true })
  const data = `size=${size},nr_inodes=${inodes},mode=755`
  kernel.mount({ source: 'walt', target: tmpfsPoint, type: 'tmpfs', flags: [], data })
  mkdirSync(`${tmpfsPoint}/upper`)
  mkdirSync(`${tmpfsPoint}/work`)
  return `tmpfs of ${size}`
}

export function growTmpfs(kernel: Pick<Kernel, 'mount'>, bytes: number): void {
  kernel.mount({
    source: 'walt',
    target: tmpfsPoint,
    type: 'tmpfs',
    flags: ['remount'],
    data: `size=${bytes}`,
  })
}

export function mountOverlay(kernel: Pick<Kernel, 'mount'>, union: string): string {
  const data = `lowerdir=/,upperdir=${tmpfsPoint}/upper,workdir=${tmpfsPoint}/work`
  kernel.mount({ source: 'union', target: union, type: 'overlay', flags: [], data })
  return 'overlay union on /'
}

/** What is mounted already moves along, with all that is mounted below it; the old root stays in reach. */
export function enterUnion(kernel: Pick<Kernel, 'mount' | 'pivotRoot'>, union: string): string {
  mkdirSync(imagePoint, { recursive: true })
  for (const path of ['/dev', '/sys', '/run', '/proc']) {
    if (!isMountPoint(path)) continue
    kernel.mount({ source: path, target: `${union}${path}`, type: '', flags: ['move'], data: '' })
  }
  kernel.pivotRoot({ newRoot: union, putOld: `${union}${imagePoint}` })
  return `image at ${imagePoint}`
}
