import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { largestProcesses } from './process-sizes.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'walt-proc-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function addProcess(pid: number, status: string): void {
  mkdirSync(join(folder, String(pid)))
  writeFileSync(join(folder, String(pid), 'status'), status)
}

it('counts RAM and swap of processes, and leaves out threads of the kernel', async () => {
  addProcess(1, 'Name:\tsystemd\nVmRSS:\t  9000 kB\nVmSwap:\t  1000 kB\n')
  addProcess(2, 'Name:\tkthreadd\nThreads:\t1\n')
  addProcess(77, 'Name:\tperl\nVmRSS:\t  1000 kB\nVmSwap:\t 50000 kB\n')
  addProcess(78, 'Name:\ttwo words\nVmRSS:\t  2000 kB\n')
  mkdirSync(join(folder, '99'))
  mkdirSync(join(folder, 'sys'))
  expect(await largestProcesses(folder, 2)).toEqual([
    { name: 'perl 77', bytes: 51_000 * 1024 },
    { name: 'systemd 1', bytes: 10_000 * 1024 },
  ])
})

it('reads those of this machine', async () => {
  const [first] = await largestProcesses('/proc', 3)
  expect(first?.bytes).toBeGreaterThan(1024 ** 2)
})
