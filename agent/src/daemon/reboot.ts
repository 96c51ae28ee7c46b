import { writeFileSync } from 'node:fs'
import type { BootReport } from '@walt/shared/boot-report'
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Kernel } from '../linux/kernel.ts'
import type { Presence } from './image-probe.ts'
import { type HookName, hookPaths, hooksInQuestion, planReboot, type RebootPlan } from './reboot-plan.ts'
import type { ProgramEnd, ProgramOptions } from './run-program.ts'
import type { Watchdog } from './watchdog.ts'

export type PreparedReboot =
  | { accepted: false; reply: string }
  /** `run` returns at once; the machine goes when `acknowledged` has settled. */
  | { accepted: true; run: (acknowledged: Promise<unknown>) => void }

export type RebootOptions = {
  report: BootReport | undefined
  kexecAllowed: boolean
  hookMs: number
  graceMs: number
  kernel: Pick<Kernel, 'reboot'>
  /** Undefined where there is no /persist. May fail, but in time. */
  flushPersist: ((withinMs: number) => Promise<void>) | undefined
  probeProgram: (path: string) => Promise<Presence>
  runProgram: (path: string, args: readonly string[], options: ProgramOptions) => Promise<ProgramEnd>
  /** What a hook says. */
  hookSaid: (line: string) => void
  /** Undefined where there is none, or none yet. */
  watchdog: () => Pick<Watchdog, 'stretch' | 'leave' | 'watch'> | undefined
  /** Where a reboot under way is marked: /run/.rebooting. */
  markPath: string
  /** Tells the server; resolves when it knows, or soon in any case. */
  announce: (cause: string) => Promise<unknown>
  /** Takes leave of the server: the last word before the machine goes. Resolves soon in any case. */
  farewell: () => Promise<unknown>
  warn: (message: string) => void
}

export type Rebooter = { prepare: (cause: string) => Promise<PreparedReboot>; underWay: () => boolean }

/** Reboots the machine as `planReboot` says. A second request while one is under way is accepted and changes nothing. */
export function createRebooter(options: RebootOptions): Rebooter {
  const { report, kernel, warn } = options
  let underWay = false

  async function plan(): Promise<RebootPlan> {
    const hooks: Record<HookName, Presence> = { network: 'absent', networkOld: 'absent', hybrid: 'absent' }
    for (const hook of report ? hooksInQuestion(report.mode, report.virtual) : []) {
      hooks[hook] = await options.probeProgram(hookPaths[hook])
    }
    return planReboot({
      mode: report?.mode,
      virtual: report?.virtual ?? false,
      kexecAllowed: options.kexecAllowed,
      hooks,
    })
  }

  async function prepare(cause: string): Promise<PreparedReboot> {
    const planned = await plan()
    if (planned.kind === 'refuse') return { accepted: false, reply: planned.reply }
    return {
      accepted: true,
      run(acknowledged) {
        if (underWay) return
        underWay = true
        act(planned, cause, acknowledged).catch((thrown) => {
          underWay = false
          options.watchdog()?.watch()
          warn(`the reboot failed: ${reasonOf(thrown)}`)
        })
      },
    }
  }

  async function act(
    planned: Exclude<RebootPlan, { kind: 'refuse' }>,
    cause: string,
    acknowledged: Promise<unknown>,
  ): Promise<void> {
    mark(cause)
    // However they end: whoever asked counts on the reboot.
    await Promise.allSettled([acknowledged, options.announce(cause), flushPersist()])
    if (planned.kind !== 'forced') {
      const reason = planned.kind === 'hook' ? await runHook(planned) : await runSystemReboot()
      warn(`${reason}; the reboot is forced`)
      await flushPersist()
    }
    await options.farewell().catch((thrown) => warn(`no leave was taken of the server: ${reasonOf(thrown)}`))
    options.watchdog()?.leave(limits.watchdogRestartSeconds)
    kernel.reboot({ action: 'restart' })
  }

  function mark(cause: string): void {
    try {
      writeFileSync(options.markPath, `${cause}\n`)
    } catch (thrown) {
      warn(`${options.markPath} cannot be written: ${reasonOf(thrown)}`)
    }
  }

  /** Resolves in any case: a dead NFS server may cost the newest bytes of /persist, never the reboot. */
  async function flushPersist(): Promise<void> {
    try {
      await options.flushPersist?.(limits.persistFlushMs)
    } catch (thrown) {
      warn(`/persist could not be flushed before the reboot: ${reasonOf(thrown)}`)
    }
  }

  /** Returns, with the reason, only if the machine still runs. */
  async function runHook(planned: Extract<RebootPlan, { kind: 'hook' }>): Promise<string> {
    const path = hookPaths[planned.hook]
    // The kernel that a hook starts gives its first sign of life when it is up.
    options.watchdog()?.stretch(limits.watchdogHookSeconds)
    let last = ''
    const end = await options.runProgram(path, [], {
      timeoutMs: options.hookMs,
      environment: planned.environment,
      onLine(line) {
        last = line
        options.hookSaid(line)
      },
    })
    return endOf(path, end, options.hookMs, last)
  }

  async function runSystemReboot(): Promise<string> {
    const what = 'the operating system\'s own "reboot"'
    const end = await options.runProgram('/sbin/reboot', [], { timeoutMs: limits.rebootCommandMs })
    // It may well have begun the shutdown, and there is a disk: it has its grace all the same.
    return endOf(what, end.kind === 'timeout' ? { kind: 'exited', status: 0 } : end, limits.rebootCommandMs)
  }

  async function endOf(what: string, end: ProgramEnd, timeoutMs: number, last = ''): Promise<string> {
    if (end.kind === 'failed') return `${what} failed: ${end.reason}`
    if (end.kind === 'timeout') return `${what} did not return within ${timeoutMs / 1000} s`
    if (end.status !== 0) return `${what} failed with status ${end.status}${last === '' ? '' : ` (${last})`}`
    await new Promise((resolve) => setTimeout(resolve, options.graceMs))
    return `the machine still runs ${options.graceMs / 1000} s after ${what}`
  }

  return { prepare, underWay: () => underWay }
}
