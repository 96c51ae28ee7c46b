/** The end of the boot stage: report, log, and the image's own init in this process's place. */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { type BootReport, bootReportPath } from '@walt/shared/boot-report'
import type { Kernel } from '../linux/kernel.ts'
import { runFolder } from './plan.ts'

const logFolder = '/persist/logs/walt-init'

export function writeBootReport(report: BootReport): void {
  mkdirSync(runFolder, { recursive: true })
  writeFileSync(bootReportPath, `${JSON.stringify(report, null, 1)}\n`)
}

/**
 * WalT's place for logs of the boot: an administrator who makes the folder wants them. It is on NFS, so asynchronous. The
 * last boot's only, so that a node that boots for years fills nothing.
 */
export async function writeBootLog(lines: string[]): Promise<void> {
  try {
    await writeFile(`${logFolder}/boot.log`, `${lines.join('\n')}\n`)
  } catch (thrown) {
    const folderMissing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT'
    if (!folderMissing) throw thrown
  }
}

/** An image without systemd has no unit to start the daemon: it becomes a child of the coming init. */
export function startDaemon(): void {
  const child = spawn(process.execPath, ['daemon'], { detached: true, stdio: 'inherit' })
  child.unref()
}

/** What the agent set up for itself is no business of the operating system's. */
export function initEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  const own = new Set(['UV_THREADPOOL_SIZE', 'MALLOC_ARENA_MAX'])
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && !own.has(name) && !name.startsWith('NODE_')) kept[name] = value
  }
  return kept
}

export function executeInit(kernel: Pick<Kernel, 'execute'>): never {
  return kernel.execute({ path: '/sbin/init', args: [], environment: initEnvironment(process.env) })
}
