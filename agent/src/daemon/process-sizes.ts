import { readdir, readFile } from 'node:fs/promises'
import { limits } from '@walt/shared/limits'
import type { Sized } from './fill-watch.ts'
import { kilobytesOf } from './telemetry.ts'

/**
 * The processes that take most of RAM and swap. /proc/PID/status, never cmdline or smaps: those wait for a lock of the
 * process, which one that waits for a dead NFS server may hold.
 */
export async function largestProcesses(procFolder: string, count: number): Promise<Sized[]> {
  const pids = (await readdir(procFolder)).filter((name) => /^\d+$/.test(name))
  const largest: Sized[] = []
  for (const pid of pids.slice(0, limits.fillProcessesSeenMax)) {
    const status = await readFile(`${procFolder}/${pid}/status`, 'latin1').catch(ifGone)
    if (status === undefined) continue
    const bytes = (kilobytesOf(status, 'VmRSS') ?? 0) + (kilobytesOf(status, 'VmSwap') ?? 0)
    // A thread of the kernel has no memory of its own.
    if (bytes === 0) continue
    largest.push({ name: `${/^Name:\t(.*)$/m.exec(status)?.[1] ?? 'process'} ${pid}`, bytes })
    largest.sort((one, other) => other.bytes - one.bytes)
    if (largest.length > count) largest.pop()
  }
  return largest
}

function ifGone(thrown: NodeJS.ErrnoException): undefined {
  if (thrown.code !== 'ENOENT' && thrown.code !== 'ESRCH') throw thrown
}
