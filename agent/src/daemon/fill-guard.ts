/** Looks at memory and overlay again and again, and says what `watchFill` finds, with what is largest. */
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { NodeLog, Telemetry } from '@walt/shared/payloads'
import { type FillState, fillLevels, fillMessage, fillsOf, type Sized, watchFill } from './fill-watch.ts'

export type FillGuardOptions = {
  sample: () => Promise<Telemetry | undefined>
  largestFiles: () => Promise<Sized[]>
  largestProcesses: () => Promise<Sized[]>
  tell: (level: NodeLog['level'], message: string) => void
  intervalMs?: number
  lookMs?: number
}

export function startFillGuard(options: FillGuardOptions): { stop(): void } {
  const { intervalMs = limits.fillCheckMs, lookMs = limits.fillLookMs } = options
  let state: FillState = {}
  let looking = false
  let troubled = false

  async function look(): Promise<void> {
    const sample = await options.sample()
    if (!sample) return
    const next = watchFill(state, fillsOf(sample))
    state = next.state
    if (next.crossings.length === 0) return
    const [files, processes] = await Promise.all([
      inTime(options.largestFiles(), lookMs),
      inTime(options.largestProcesses(), lookMs),
    ])
    for (const crossing of next.crossings) {
      const level = crossing.level === fillLevels.at(-1) ? 'error' : 'warning'
      options.tell(level, fillMessage(crossing, { files, processes }))
    }
  }

  const timer = setInterval(() => {
    // A look may take longer than the time between two.
    if (looking) return
    looking = true
    look()
      .catch((thrown) => {
        if (!troubled) options.tell('warning', `memory could not be looked at: ${reasonOf(thrown)}`)
        troubled = true
      })
      .finally(() => {
        looking = false
      })
  }, intervalMs)
  return { stop: () => clearInterval(timer) }
}

/** Undefined where it failed or took too long: the warning is worth more than its details. */
async function inTime<T>(work: Promise<T>, withinMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), withinMs)
  })
  const had = await Promise.race([work.catch(() => undefined), late])
  clearTimeout(timer)
  return had
}
