/**
 * The boot stage: PID 1 on the read-only NFS root, until it becomes the image's own init.
 *
 * Two laws: it never ends (the kernel would panic), so that whatever goes wrong comes to the rescue; and it never hangs,
 * so that every step has a deadline and whatever waits for a network does so elsewhere.
 */
import { existsSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BootReport } from '@walt/shared/boot-report'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Kernel } from '../linux/kernel.ts'
import { createLibcKernel } from '../linux/libc-kernel.ts'
import { agentVersion } from '../version.ts'
import { type BootFindings, createBootExecutors } from './executors.ts'
import { type BootFacts, readBootFacts } from './facts.ts'
import { executeInit, startDaemon, writeBootLog, writeBootReport } from './handover.ts'
import { describePlan, planBoot } from './plan.ts'
import { type BootFailure, planRescue, rescueNode, runRescueShell } from './rescue.ts'
import { type BootRun, runBootPlan } from './run.ts'
import { mountEarly } from './union.ts'

export type BootOptions = { plan: boolean; commandLine: string | undefined }

/** Milliseconds since this process started. */
const nowMs = () => Math.round(performance.now() * 10) / 10

/** What is said goes to the console and is kept for the log. */
function createConsole(): { say: (line: string) => void; lines: string[] } {
  const lines: string[] = []
  const say = (line: string) => {
    lines.push(line)
    try {
      writeSync(1, `walt: ${line}\n`)
    } catch (thrown) {
      // A machine without a console boots all the same; the log tells that there was none.
      lines.push(`(not on the console: ${reasonOf(thrown)})`)
    }
  }
  return { say, lines }
}

function reportOf(facts: BootFacts, run: BootRun, findings: BootFindings): BootReport {
  const { settings, nodeName } = facts
  return {
    version: 1,
    agentVersion,
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(settings.bootId === undefined ? {} : { bootId: settings.bootId }),
    ...(settings.image === undefined ? {} : { image: settings.image }),
    virtual: facts.virtual,
    kernelUptimeMs: facts.kernelUptimeMs,
    totalMs: nowMs(),
    ...findings,
    steps: run.steps,
    problems: run.problems,
    commandLine: facts.commandLine,
  }
}

/** The log is worth little beside a node that boots: a share that hangs loses it. */
async function keepLog(lines: string[]): Promise<void> {
  const late = sleep(limits.persistFlushMs).then(() => {
    throw new WaltError('deadline-passed', `no answer within ${limits.persistFlushMs / 1000} s`)
  })
  await Promise.race([writeBootLog(lines), late])
}

async function bootNode(
  kernel: Kernel,
  talk: { say: (line: string) => void; lines: string[] },
  onSettings: (settings: BootFacts['settings']) => void,
): Promise<BootFailure> {
  const { say, lines } = talk
  // Nothing can be known before /proc is there: an initramfs has it mounted, a kernel alone has not.
  if (!existsSync('/proc/cmdline')) mountEarly(kernel, ['/proc'])
  const facts = readBootFacts()
  onSettings(facts.settings)
  if (facts.init !== 'executable') return { step: 'init', reason: `/sbin/init is ${facts.init} in the image` }

  const findings: BootFindings = { swapBytes: 0, zswap: false, persist: false, mode: 'network' }
  const executors = createBootExecutors(kernel, findings, say)
  say(`walt-agent ${agentVersion}, ${nowMs()} ms after its start`)
  const run = await runBootPlan(planBoot(facts), { executors, say, nowMs })
  if (run.failed) return run.failed

  if (!facts.systemd) startDaemon()
  say(`ready in ${Math.round(nowMs())} ms, /sbin/init follows`)
  if (findings.persist) {
    await keepLog([`boot ${facts.settings.bootId ?? 'without an id'}`, ...lines]).catch((thrown) => {
      run.problems.push(`/persist/logs/walt-init was not written: ${reasonOf(thrown)}`)
    })
  }
  writeBootReport(reportOf(facts, run, findings))
  try {
    return executeInit(kernel)
  } catch (thrown) {
    return { step: 'init', reason: reasonOf(thrown) }
  }
}

/** @throws WaltError `not-first-process` when this is a machine that runs already */
export async function runBoot(options: BootOptions): Promise<void> {
  if (options.plan) {
    writeSync(1, `${describePlan(planBoot(readBootFacts(options.commandLine)))}\n`)
    return
  }
  if (process.pid !== 1) {
    throw new WaltError(
      'not-first-process',
      'walt-agent boot sets a machine up as its first process (PID 1), and this machine runs already. ' +
        'To see what it would do: walt-agent boot --plan [--cmdline TEXT]',
    )
  }

  const kernel = createLibcKernel()
  const talk = createConsole()
  let wanted: 'reboot' | 'shell' = 'reboot'
  const rescue = (failure: BootFailure) =>
    rescueNode(planRescue(failure, wanted), { kernel, say: talk.say, sleep, runShell: runRescueShell })
  process.on('uncaughtException', (error) => void rescue({ step: 'boot', reason: reasonOf(error) }))
  // An event loop with nothing left to do would end the process.
  setInterval(() => undefined, limits.bootRescueDelayMs)
  const failure = await bootNode(kernel, talk, (settings) => {
    wanted = settings.rescue
  }).catch((thrown): BootFailure => ({ step: 'boot', reason: reasonOf(thrown) }))
  await rescue(failure)
}
