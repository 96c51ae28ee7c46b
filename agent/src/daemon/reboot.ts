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
  /** A fresh root for the restart of user space; resolves with why there is none. */
  makeNextRoot: () => Promise<string | undefined>
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

export type Rebooter = {
  prepare: (cause: string) => Promise<PreparedReboot>
  /** Of user space alone. Takes a while, since the fresh root is made first. */
  prepareUserSpace: (cause: string) => Promise<PreparedReboot>
  /** Reboots at once, with nothing that NFS could hold up: no hook is looked for, and /persist is not flushed. */
  force: (cause: string) => void
  underWay: () => boolean
}

type Planned = Exclude<RebootPlan, { kind: 'refuse' }> | { kind: 'user-space' }

type SystemProgram = { what: string; path: string; args: string[] }

/** They stop the services, this one among them. */
const systemPrograms: Record<'operating-system' | 'user-space', SystemProgram> = {
  'operating-system': { what: 'the operating system\'s own "reboot"', path: '/sbin/reboot', args: [] },
  'user-space': { what: '"systemctl soft-reboot"', path: '/bin/systemctl', args: ['soft-reboot'] },
}

/**
 * Reboots the machine as `planReboot` says. A second request while one is under way is accepted and changes nothing; but a
 * reboot of the machine is not kept back by one of user space.
 */
export function createRebooter(options: RebootOptions): Rebooter {
  const { report, kernel, warn } = options
  let underWay: 'machine' | 'user-space' | undefined
  let makingRoot = false

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
        begin('machine', () => act(planned, cause, acknowledged))
      },
    }
  }

  async function prepareUserSpace(cause: string): Promise<PreparedReboot> {
    if (underWay || makingRoot) return { accepted: false, reply: 'KO a reboot is under way already' }
    makingRoot = true
    const refusal = await options.makeNextRoot().finally(() => {
      makingRoot = false
    })
    if (refusal !== undefined) return { accepted: false, reply: `KO ${refusal}` }
    return {
      accepted: true,
      run(acknowledged) {
        begin('user-space', () => act({ kind: 'user-space' }, cause, acknowledged))
      },
    }
  }

  function begin(what: 'machine' | 'user-space', reboot: () => Promise<void>): void {
    if (underWay === 'machine' || underWay === what) return
    underWay = what
    reboot().catch((thrown) => {
      underWay = undefined
      options.watchdog()?.watch()
      warn(`the reboot failed: ${reasonOf(thrown)}`)
    })
  }

  function force(cause: string): void {
    begin('machine', async () => {
      mark(cause)
      warn(`reboot: ${cause}`)
      await options.announce(cause).catch((thrown) => warn(`the server was not told: ${reasonOf(thrown)}`))
      await depart()
    })
  }

  async function depart(): Promise<void> {
    await options.farewell().catch((thrown) => warn(`no leave was taken of the server: ${reasonOf(thrown)}`))
    options.watchdog()?.leave(limits.watchdogRestartSeconds)
    kernel.reboot({ action: 'restart' })
  }

  async function act(planned: Planned, cause: string, acknowledged: Promise<unknown>): Promise<void> {
    mark(cause)
    // However they end: whoever asked counts on the reboot.
    await Promise.allSettled([acknowledged, options.announce(cause), flushPersist()])
    if (planned.kind !== 'forced') {
      const reason =
        planned.kind === 'hook' ? await runHook(planned) : await runSystem(systemPrograms[planned.kind])
      warn(`${reason}; the reboot is forced`)
      await flushPersist()
    }
    await depart()
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

  async function runSystem({ what, path, args }: SystemProgram): Promise<string> {
    const end = await options.runProgram(path, args, { timeoutMs: limits.rebootCommandMs })
    // It may well have begun the shutdown: it has its grace all the same.
    return endOf(what, end.kind === 'timeout' ? { kind: 'exited', status: 0 } : end, limits.rebootCommandMs)
  }

  async function endOf(what: string, end: ProgramEnd, timeoutMs: number, last = ''): Promise<string> {
    // By SIGTERM the shutdown that it began ends it, as all of this service: to force the reboot now would cut that off.
    const shutDown = end.kind === 'failed' && end.signal === 'SIGTERM'
    if (end.kind === 'failed' && !shutDown) return `${what} failed: ${end.reason}`
    if (end.kind === 'timeout') return `${what} did not return within ${timeoutMs / 1000} s`
    if (end.kind === 'exited' && end.status !== 0)
      return `${what} failed with status ${end.status}${last === '' ? '' : ` (${last})`}`
    await new Promise((resolve) => setTimeout(resolve, options.graceMs))
    return `the machine still runs ${options.graceMs / 1000} s after ${what}`
  }

  return { prepare, prepareUserSpace, force, underWay: () => underWay !== undefined }
}
