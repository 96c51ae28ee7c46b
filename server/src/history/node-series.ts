/**
 * The history of one node as far as it is in memory: the last hour's samples in a ring, and averages of longer steps
 * that are handed out in blocks as they fill up. Pure but for its own state; time comes in.
 */
import { limits } from '@walt/shared/limits'
import { codesOf, metricCount, type Point, packPoints, type Sample } from './sample-codec.ts'

/** Steps that are stored; so many points make a block, which is one row. */
export const storedSteps = [
  { stepMs: limits.historyMinuteMs, keepMs: limits.historyMinuteKeepMs, blockPoints: 10 },
  { stepMs: limits.historyCoarseMs, keepMs: limits.historyCoarseKeepMs, blockPoints: 6 },
] as const

export type Block = { stepMs: number; at: number; data: string }

const ringPoints = limits.historyFineKeepMs / limits.historyFineMs

export type NodeSeries = {
  /** Returns what is to be stored. A sample that comes much too soon after the last one is left out. */
  add(at: number, sample: Sample): Block[]
  /** Samples since then, oldest first. */
  fine(since: number): Point[]
  /** Averages that are in no block yet, also of the step that goes on. */
  unstored(stepMs: number): Point[]
  /** All that is in no block yet, as blocks; the steps that go on begin anew. */
  flush(): Block[]
}

export function createNodeSeries(): NodeSeries {
  // Grown as they fill: a fleet that has just been started, or is seen seldom, takes little.
  let codes = new Int16Array(0)
  let times = new Float64Array(0)
  let next = 0
  let count = 0
  let lastAt = Number.NEGATIVE_INFINITY
  const levels = storedSteps.map(({ stepMs, blockPoints }) => createAverages(stepMs, blockPoints))

  function keep(at: number, sample: Sample): void {
    if (count === times.length && count < ringPoints) {
      const size = Math.min(ringPoints, Math.max(16, count * 2))
      const [grownCodes, grownTimes] = [new Int16Array(size * metricCount), new Float64Array(size)]
      grownCodes.set(codes)
      grownTimes.set(times)
      ;[codes, times, next] = [grownCodes, grownTimes, count]
    }
    times[next] = at
    codes.set(codesOf(sample), next * metricCount)
    next = (next + 1) % times.length
    count = Math.min(count + 1, times.length)
  }

  return {
    add(at, sample) {
      if (at - lastAt < limits.historyFineMs / 2 && at >= lastAt) return []
      lastAt = at
      keep(at, sample)
      return levels.flatMap((level) => level.add(at, sample))
    },
    fine(since) {
      const points: Point[] = []
      const first = count < times.length ? 0 : next
      for (let index = 0; index < count; index++) {
        const slot = (first + index) % times.length
        const at = times[slot] ?? 0
        if (at < since) continue
        points.push({ at, codes: codes.slice(slot * metricCount, (slot + 1) * metricCount) })
      }
      return points
    },
    unstored: (stepMs) => levels.find((level) => level.stepMs === stepMs)?.points() ?? [],
    flush: () => levels.flatMap((level) => level.flush()),
  }
}

function createAverages(stepMs: number, blockPoints: number) {
  let sums = new Float64Array(metricCount)
  let counts = new Uint16Array(metricCount)
  let step: number | undefined
  let points: Point[] = []

  function current(): Point[] {
    if (step === undefined) return []
    const means = Array.from(sums, (sum, index) => sum / (counts[index] ?? 0))
    return [{ at: step * stepMs, codes: codesOf(means) }]
  }

  function close(): void {
    points.push(...current())
    sums = new Float64Array(metricCount)
    counts = new Uint16Array(metricCount)
    step = undefined
  }

  function takeBlock(): Block[] {
    const first = points[0]
    if (!first) return []
    const block = { stepMs, at: first.at, data: packPoints(points, stepMs) }
    points = []
    return [block]
  }

  return {
    stepMs,
    points: () => [...points, ...current()],
    add(at: number, sample: Sample): Block[] {
      const wanted = Math.floor(at / stepMs)
      let blocks: Block[] = []
      if (step !== undefined && wanted !== step) {
        const turnedBack = wanted < step
        close()
        // Blocks are aligned; one that a gap or a clock that was set falls into ends early.
        const first = points[0]
        const slot = (moment: number) => Math.floor(moment / (stepMs * blockPoints))
        if (turnedBack || (first && slot(at) !== slot(first.at))) blocks = takeBlock()
      }
      step = wanted
      sample.forEach((value, index) => {
        if (!Number.isFinite(value)) return
        sums[index] = (sums[index] ?? 0) + value
        counts[index] = (counts[index] ?? 0) + 1
      })
      return blocks
    },
    flush(): Block[] {
      close()
      return takeBlock()
    },
  }
}
