/**
 * A network namespace for each run: whatever a test or the demo sends stays inside. Its name carries the id of the
 * process that made it, so that the next run can take away what a killed run left.
 */

import { existsSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { mustRun, runProgram } from './run-program.ts'

export type Namespace = { name: string; remove(): Promise<void> }

const namePattern = /^walt-([a-z]+)-([0-9]+)$/

export async function createNamespace(purpose: 'test' | 'demo' | 'bench' | 'soak'): Promise<Namespace> {
  const name = `walt-${purpose}-${process.pid}`
  await removeNamespace(name)
  await mustRun('ip', ['netns', 'add', name])
  await mustRun('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  return { name, remove: () => removeNamespace(name) }
}

/** Namespaces and run folders of runs whose process is gone. */
export async function removeLeftovers(runsFolder: string): Promise<void> {
  const listed = await runProgram('ip', ['netns', 'list'])
  const names = listed.stdout.split('\n').map((line) => line.split(' ')[0] ?? '')
  const folders = existsSync(runsFolder) ? await readdir(runsFolder) : []
  for (const name of new Set([...names, ...folders])) {
    const match = namePattern.exec(name)
    if (!match || (await isOurRun(Number(match[2])))) continue
    await removeNamespace(name)
    await rm(path.join(runsFolder, name), { recursive: true, force: true })
    const sockets = (await readdir(tmpdir())).filter((one) => one.startsWith(`${name}-`))
    for (const one of sockets) await rm(path.join(tmpdir(), one), { recursive: true, force: true })
  }
}

/** Process ids are used again: only a Node process can be a run that goes on. */
async function isOurRun(pid: number): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return command.includes('node')
}

async function removeNamespace(name: string): Promise<void> {
  const inside = await runProgram('ip', ['netns', 'pids', name])
  for (const pid of inside.stdout.split('\n').filter((line) => line !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch (thrown) {
      // It may have ended by itself meanwhile.
      if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown
    }
  }
  await runProgram('ip', ['netns', 'delete', name])
}
