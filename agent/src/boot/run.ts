/** Carries a boot plan out: one step after the other, each timed, each with a deadline. */
import type { BootStep } from '@walt/shared/boot-report'
import { reasonOf, WaltError } from '@walt/shared/errors'
import type { BootAction, BootPlan, BootPlanStep, BootWay } from './plan.ts'

/** A word on what was done, for the console; or why there was nothing to do. */
export type StepOutcome = string | { skipped: string }

export type BootExecutors = {
  [K in BootAction['kind']]: (
    action: Extract<BootAction, { kind: K }>,
    withinMs: number,
  ) => Promise<StepOutcome> | StepOutcome
}

export type BootRun = {
  steps: BootStep[]
  problems: string[]
  /** The required step that failed; nothing after it was tried. */
  failed?: { step: string; reason: string }
}

export type RunOptions = {
  executors: BootExecutors
  say: (line: string) => void
  /** Milliseconds since the agent started. */
  nowMs: () => number
}

/** Past its deadline a step counts as failed, though what it called may still be under way: nothing waits for it. */
async function withDeadline(step: BootPlanStep, executors: BootExecutors): Promise<StepOutcome> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    late.reject(new WaltError('deadline-passed', `not done within ${step.deadlineMs / 1000} s`))
  }, step.deadlineMs)
  try {
    // The compiler cannot see that the executor under a kind's name takes that kind.
    const execute = executors[step.action.kind] as (a: BootAction, ms: number) => Promise<StepOutcome>
    return await Promise.race([execute(step.action, step.deadlineMs), late.promise])
  } finally {
    clearTimeout(timer)
  }
}

export async function runBootPlan(plan: BootPlan, options: RunOptions): Promise<BootRun> {
  const { say, nowMs, executors } = options
  const run: BootRun = { steps: [], problems: [...plan.problems] }
  const done = new Set<string>()
  let way: BootWay = 'network'
  for (const problem of plan.problems) say(`problem: ${problem}`)

  for (const step of plan.steps) {
    const { name } = step
    if (step.way !== undefined && step.way !== way) continue
    if (step.needs !== undefined && !done.has(step.needs)) {
      run.steps.push({ name, startedMs: nowMs(), tookMs: 0, outcome: 'skipped', note: `needs ${step.needs}` })
      continue
    }
    const startedMs = nowMs()
    const finish = (outcome: BootStep['outcome'], note: string) => {
      const tookMs = Math.round((nowMs() - startedMs) * 10) / 10
      run.steps.push({ name, startedMs, tookMs, outcome, note })
      return `(${Math.round(tookMs)} ms)`
    }
    try {
      const outcome = await withDeadline(step, executors)
      if (typeof outcome === 'string') {
        done.add(name)
        way = step.opensWay ?? way
        say(`${outcome} ${finish('done', outcome)}`)
      } else {
        finish('skipped', outcome.skipped)
      }
    } catch (thrown) {
      const reason = reasonOf(thrown)
      const took = finish('failed', reason)
      say(`${name} failed: ${reason}; ${step.otherwise} ${took}`)
      if (step.required) return { ...run, failed: { step: name, reason } }
      way = step.failsToWay ?? way
      run.problems.push(`${name}: ${reason}; ${step.otherwise}`)
    }
  }
  return run
}
