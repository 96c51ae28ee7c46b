/**
 * Makes the daemon able to work while nothing can be swapped in or out, as what brings the swap back must be. Its memory is
 * not swapped out (the unit's MemorySwapMax=0), its main thread gets more without waiting for swap, from the kernel's last
 * reserve too, and of its program what it uses stays in memory. mlockall(2) is no way: V8 reserves more than there is.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { reasonOf } from '@walt/shared/errors'
import type { Kernel } from '../linux/kernel.ts'

type AwakeKernel = Pick<Kernel, 'setIoFlusher' | 'setRealtime' | 'lockTouchedPages'>

export type AwakeOptions = {
  kernel: AwakeKernel
  /** The folder /proc, held. */
  procFolder: string
  warn: (message: string) => void
}

const [neverKilled, asAnyOther] = ['-1000', '0']
let awake: AwakeOptions | undefined

export function stayAwake(options: AwakeOptions): void {
  const { kernel, warn } = options
  awake = options
  attempt('get memory without swapping', () => kernel.setIoFlusher({ on: true }), warn)
  attempt('be served first', () => kernel.setRealtime(), warn)
  attempt('outlive a want of memory', () => setKilled(neverKilled), warn)
}

/**
 * Starts a child that is as any other process: one that is killed when memory runs out, and swaps when it needs some. A fork
 * would hand both down.
 */
export function asOrdinary<T>(start: () => T): T {
  if (!awake) return start()
  const { kernel, warn } = awake
  attempt('start ordinary children', () => kernel.setIoFlusher({ on: false }), warn)
  attempt('start ordinary children', () => setKilled(asAnyOther), warn)
  try {
    return start()
  } finally {
    stayAwake(awake)
  }
}

/** Keeps of the program in memory what has been used by now, or will be: the rest may be out of reach when it is needed. */
export function lockProgram({ kernel, procFolder, warn }: AwakeOptions): void {
  for (const mapping of fileMappings(readFileSync(`${procFolder}/self/maps`, 'utf8'))) {
    attempt(`keep ${mapping.path} in memory`, () => kernel.lockTouchedPages(mapping), warn)
  }
}

export type Mapping = { start: bigint; bytes: bigint; path: string }

/** Pure: the mappings of files, of /proc/self/maps (proc(5)). */
export function fileMappings(maps: string): Mapping[] {
  return maps.split('\n').flatMap((line) => {
    const match = /^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \d+\s+(\/.*)$/.exec(line)
    if (!match) return []
    const [start, end] = [BigInt(`0x${match[1]}`), BigInt(`0x${match[2]}`)]
    return [{ start, bytes: end - start, path: match[3] ?? '' }]
  })
}

function setKilled(adjustment: string): void {
  writeFileSync(`${awake?.procFolder}/self/oom_score_adj`, adjustment)
}

function attempt(what: string, act: () => void, warn: (message: string) => void): void {
  try {
    act()
  } catch (thrown) {
    warn(`with no swap the daemon may not ${what}: ${reasonOf(thrown)}`)
  }
}
