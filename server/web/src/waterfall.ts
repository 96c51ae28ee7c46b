/** A boot as bars on one time line: before the agent, each of its steps, then the system until it is booted. Pure. */
import type { NodeBoot } from '../../src/http/api-schema.ts'

export type Bar = {
  name: string
  startMs: number
  tookMs: number
  outcome: 'done' | 'skipped' | 'failed' | 'other'
  note?: string
  /** The same bar's time in the boots that it is compared with: their median. */
  usualMs?: number
}

export type Waterfall = { bars: Bar[]; totalMs: number; bootedMs?: number }

export function waterfallOf(boot: NodeBoot, earlier: readonly NodeBoot[]): Waterfall | undefined {
  const bars = barsOf(boot)
  if (bars.length === 0) return undefined
  const usual = new Map<string, number[]>()
  for (const other of earlier) {
    for (const { name, tookMs } of barsOf(other)) usual.set(name, [...(usual.get(name) ?? []), tookMs])
  }
  const compared = bars.map((bar) => {
    const usualMs = median(usual.get(bar.name) ?? [])
    return usualMs === undefined ? bar : { ...bar, usualMs }
  })
  const totalMs = Math.max(...compared.map((bar) => bar.startMs + bar.tookMs))
  const bootedMs = bootTimeOf(boot)
  return { bars: compared, totalMs, ...(bootedMs === undefined ? {} : { bootedMs }) }
}

/** From the server's order to booted. */
export function bootTimeOf({ startedAt, bootedAt }: NodeBoot): number | undefined {
  return bootedAt === undefined ? undefined : Math.max(0, bootedAt - startedAt)
}

function barsOf(boot: NodeBoot): Bar[] {
  const { report } = boot
  if (!report) return []
  const { kernelUptimeMs, totalMs } = report
  const bars: Bar[] = [{ name: 'kernel', startMs: 0, tookMs: kernelUptimeMs, outcome: 'other' }]
  for (const { name, startedMs, tookMs, outcome, note } of report.steps) {
    const startMs = kernelUptimeMs + startedMs
    bars.push({ name, startMs, tookMs, outcome, ...(note === undefined ? {} : { note }) })
  }
  // The machine's own start is not on the node's clock, so what is left is the system's, and a little more.
  const handedOver = kernelUptimeMs + totalMs
  const whole = bootTimeOf(boot)
  if (whole !== undefined && whole > handedOver)
    bars.push({ name: 'system', startMs: handedOver, tookMs: whole - handedOver, outcome: 'other' })
  return bars
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)]
}
