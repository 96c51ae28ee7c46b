/** What happens when there is no way to a working node: plain words, then a reboot, or a shell for whoever is there. */
import { spawn } from 'node:child_process'
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Kernel } from '../linux/kernel.ts'
import { programPath } from './programs.ts'

export type BootFailure = { step: string; reason: string }
export type Rescue = { lines: string[]; shell: boolean }

const advice: Record<string, string> = {
  overlay: 'Does the initramfs or the image have the kernel module overlay, for the kernel that runs?',
  tmpfs: 'A kernel without tmpfs cannot run a node.',
  root: 'The image needs empty directories /dev, /proc, /sys and /run.',
  init: 'The image needs an executable /sbin/init.',
}

/** Pure: what is said, and whether a shell was asked for. */
export function planRescue(failure: BootFailure, rescue: 'reboot' | 'shell'): Rescue {
  const hint = advice[failure.step]
  const lines = [
    `this node cannot boot: step ${failure.step} failed.`,
    failure.reason,
    ...(hint === undefined ? [] : [hint]),
    rescue === 'shell'
      ? 'A shell follows, as walt.rescue=shell asks; the machine reboots when it ends.'
      : `It reboots in ${limits.bootRescueDelayMs / 1000} s; walt.rescue=shell gives a shell instead.`,
  ]
  return { lines, shell: rescue === 'shell' }
}

export type RescueTools = {
  kernel: Pick<Kernel, 'reboot'>
  say: (line: string) => void
  sleep: (ms: number) => Promise<void>
  runShell: () => Promise<void>
}

/** Ends with the shell, or at once when there is none. */
export function runRescueShell(): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, PATH: programPath, PS1: 'walt rescue# ' }
    const shell = spawn('/bin/sh', ['-i'], { stdio: 'inherit', env })
    shell.on('error', reject)
    shell.on('exit', () => resolve())
  })
}

/** Never returns: PID 1 must not end, so a reboot that fails is tried again. */
export async function rescueNode(rescue: Rescue, tools: RescueTools): Promise<never> {
  const { kernel, say, sleep, runShell } = tools
  for (const line of rescue.lines) say(line)
  if (rescue.shell) await runShell().catch((thrown) => say(`no shell: ${reasonOf(thrown)}`))
  for (;;) {
    if (!rescue.shell) await sleep(limits.bootRescueDelayMs)
    try {
      kernel.reboot({ action: 'restart' })
    } catch (thrown) {
      say(`the reboot failed, another try follows: ${reasonOf(thrown)}`)
      await sleep(limits.bootRescueDelayMs)
    }
  }
}
