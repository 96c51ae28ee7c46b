import { readFile } from 'node:fs/promises'
import type { Platform } from './platform.ts'

/** The process of a platform's one machine in QEMU: it stays the same for as long as the machine is not started anew. */
export async function qemuProcess(platform: Platform): Promise<number> {
  const inside = await platform.inside('ip', 'netns', 'pids', platform.namespace.name)
  for (const pid of inside.stdout.split('\n').filter((line) => line !== '')) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (command.startsWith('qemu-system-x86_64\0')) return Number(pid)
  }
  throw new Error('no machine runs')
}
