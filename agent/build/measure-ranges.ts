/**
 * Which parts of the binary a start touches. What is in the page cache tells nothing, since read-ahead brings in several
 * times as much; what the running process has mapped does. So it is started and looked at while it waits for input.
 * A fault maps the whole folio that it hits, up to 2 MB, so that the file is first brought into the cache page by page.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Kernel } from '../src/linux/kernel.ts'
import { type ByteRange, joinPages, presentPages } from './ranges.ts'

const pagemapEntryBytes = 8
/** read(2) on x64 and arm64, on descriptor 0: /proc/PID/syscall, proc(5). */
const readsItsInput = /^(?:0|63) 0x0 /

async function cachePageByPage(kernel: Kernel, binary: string, pageBytes: number): Promise<void> {
  // Pages not written to the disk yet cannot be dropped.
  await kernel.syncFileSystem({ path: binary, withinMs: limits.agentBuildFlushMs })
  const fd = openSync(binary, 'r')
  try {
    kernel.adviseFile({ fd, advice: 'dont-need' })
    kernel.adviseFile({ fd, advice: 'random' })
    const page = Buffer.alloc(pageBytes)
    for (let at = 0; readSync(fd, page, 0, pageBytes, at) > 0; ) at += pageBytes
  } finally {
    closeSync(fd)
  }
}

async function untilItWaits(child: ChildProcess): Promise<number> {
  const { pid } = child
  if (pid === undefined) throw new WaltError('agent-not-started', 'The agent just built does not start.')
  for (let waited = 0; waited < limits.agentStartMs; waited += limits.agentStartPollMs) {
    await sleep(limits.agentStartPollMs)
    if (child.exitCode !== null) break
    if (readsItsInput.test(readFileSync(`/proc/${pid}/syscall`, 'latin1'))) return pid
  }
  throw new WaltError(
    'agent-not-started',
    `The agent just built does not wait for input after ${limits.agentStartMs} ms.`,
  )
}

/** For each page of the file, whether the process has it mapped. */
function mappedPages(pid: number, binary: string, pageBytes: number): boolean[] {
  const pages = new Array<boolean>(Math.ceil(statSync(binary).size / pageBytes)).fill(false)
  const pagemap = openSync(`/proc/${pid}/pagemap`, 'r')
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
      const match = /^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ \d+\s+(.+)$/.exec(line)
      if (match === null || match[4] !== binary) continue
      const [start, end, offset] = match.slice(1, 4).map((hex) => Number.parseInt(hex, 16) / pageBytes)
      const entries = Buffer.alloc((end! - start!) * pagemapEntryBytes)
      readSync(pagemap, entries, 0, entries.length, start! * pagemapEntryBytes)
      presentPages(entries).forEach((present, index) => {
        if (present) pages[offset! + index] = true
      })
    }
  } finally {
    closeSync(pagemap)
  }
  return pages
}

export async function measureRanges(kernel: Kernel, binary: string): Promise<ByteRange[]> {
  const pageBytes = kernel.pageBytes()
  await cachePageByPage(kernel, binary, pageBytes)
  const child = spawn(binary, ['boot', '--plan', '--cmdline', '-'], { stdio: ['pipe', 'ignore', 'inherit'] })
  try {
    const pid = await untilItWaits(child)
    return joinPages(mappedPages(pid, realpathSync(binary), pageBytes), {
      pageBytes,
      gapBytes: limits.agentRangeGapBytes,
      sizeBytes: statSync(binary).size,
    })
  } finally {
    child.kill('SIGKILL')
  }
}
