/** What a question about a node's history is answered with: points of several steps, made one list. Pure. */
import { limits } from '@walt/shared/limits'
import type { HistoryMetric, NodeHistory } from '../http/api-schema.ts'
import { decodeValue, metricIndex, type Point } from './sample-codec.ts'

/** The step for a time span: the finest that is kept as far back. */
export function stepFor(from: number, now: number): number {
  const age = now - from
  // An hour that was asked for a moment ago is an hour still.
  const slack = limits.historyMinuteMs
  if (age <= limits.historyFineKeepMs + slack) return limits.historyFineMs
  if (age <= limits.historyMinuteKeepMs + slack) return limits.historyMinuteMs
  return limits.historyCoarseMs
}

export type Level = { stepMs: number; points: readonly Point[] }
type StepPoint = Point & { stepMs: number }

/** Finest first. Where a finer level has nothing yet, as after a restart of the server, a coarser one stands in. */
export function joinLevels(levels: readonly Level[], from: number, to: number): StepPoint[] {
  let joined: StepPoint[] = []
  for (const { stepMs, points } of levels) {
    const before = joined[0]?.at ?? Number.POSITIVE_INFINITY
    const added = points
      .filter(({ at }) => at >= from && at <= to && at + stepMs <= before)
      .map((point) => ({ ...point, stepMs }))
      .toSorted((one, other) => one.at - other.at)
    joined = [...added, ...joined]
  }
  return joined
}

/** Where nothing came for some steps, there is a point without values, so that no line is drawn across. */
export function columnsOf(
  points: readonly StepPoint[],
  stepMs: number,
  metrics: readonly HistoryMetric[],
): NodeHistory {
  const at: number[] = []
  const rows: (Int16Array | undefined)[] = []
  points.forEach((point, index) => {
    const before = points[index - 1]
    if (before && point.at - before.at > 3 * Math.max(before.stepMs, point.stepMs)) {
      at.push(before.at + before.stepMs)
      rows.push(undefined)
    }
    at.push(Math.round(point.at))
    rows.push(point.codes)
  })
  const columns: NodeHistory['metrics'] = {}
  for (const name of metrics) {
    const index = metricIndex.get(name) ?? 0
    columns[name] = rows.map((codes) => {
      const code = codes?.[index]
      const decoded = code === undefined ? null : decodeValue(code)
      // Of files there are no thousandths.
      return decoded !== null && /(?:Bytes|Used)$/.test(name) ? Math.round(decoded) : decoded
    })
  }
  return { stepMs, at, metrics: columns }
}
