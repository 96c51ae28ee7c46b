/** Telemetry of all nodes: the latest in memory, the last hour in memory, longer steps in the store, in batches. */
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Telemetry } from '@walt/shared/payloads'
import type { HistoryMetric, NodeHistory } from '../http/api-schema.ts'
import type { Log } from '../log.ts'
import type { MonitoringStore, SampleBlock } from '../store/monitoring-store.ts'
import { columnsOf, joinLevels, type Level, stepFor } from './node-history.ts'
import { type Block, createNodeSeries, type NodeSeries, storedSteps } from './node-series.ts'
import { type Point, sampleOf, unpackPoints } from './sample-codec.ts'

export type TelemetryHistory = {
  add(node: string, telemetry: Telemetry): void
  latest(node: string): Telemetry | undefined
  /** Every node that has said something since the server was started. */
  all(): Iterable<[string, Telemetry]>
  query(
    node: string,
    span: { from: number; to: number; metrics: readonly HistoryMetric[] },
  ): Promise<NodeHistory>
  forget(node: string): void
  start(): void
  /** Stores what is in memory. */
  stop(): Promise<void>
}

type Known = { telemetry: Telemetry; series: NodeSeries }

export function createTelemetryHistory(options: {
  store: Pick<MonitoringStore, 'addSamples' | 'samples' | 'dropSamples'>
  now: () => number
  log: Log
}): TelemetryHistory {
  const { store, now, log } = options
  const nodes = new Map<string, Known>()
  let waiting: SampleBlock[] = []
  let writing = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let sweep: NodeJS.Timeout | undefined

  function inOrder(work: () => Promise<void>): Promise<void> {
    writing = writing.then(work).catch((thrown) => log.error(`history was not stored: ${reasonOf(thrown)}`))
    return writing
  }

  function write(): Promise<void> {
    if (waiting.length === 0) return writing
    const blocks = waiting
    waiting = []
    return inOrder(() => store.addSamples(blocks))
  }

  const blocksOf = (node: string, blocks: readonly Block[]) => blocks.map((block) => ({ node, ...block }))

  async function points(node: string, stepMs: number, from: number, to: number): Promise<Point[]> {
    const series = nodes.get(node)?.series
    if (stepMs === limits.historyFineMs) return series?.fine(from) ?? []
    const level = storedSteps.find((one) => one.stepMs === stepMs)
    if (!level) return []
    // A block that began before may reach into the time.
    const blocks = await store.samples(node, stepMs, from - level.blockPoints * stepMs, to)
    const stored = blocks.flatMap((block) => unpackPoints(block.data, block.at, stepMs))
    const all = [...stored, ...(series?.unstored(stepMs) ?? [])]
    // A step in which the server was restarted is there twice.
    return [...new Map(all.map((point) => [point.at, point])).values()]
  }

  return {
    add(node, telemetry) {
      const known = nodes.get(node)
      const series = known?.series ?? createNodeSeries()
      const blocks = series.add(now(), sampleOf(telemetry, known?.telemetry))
      waiting.push(...blocksOf(node, blocks))
      if (known) known.telemetry = telemetry
      else nodes.set(node, { telemetry, series })
    },
    latest: (node) => nodes.get(node)?.telemetry,
    *all() {
      for (const [name, { telemetry }] of nodes) yield [name, telemetry]
    },
    async query(node, { from, to, metrics }) {
      await write()
      const stepMs = stepFor(from, now())
      const steps = [limits.historyFineMs, limits.historyMinuteMs, limits.historyCoarseMs]
      const levels: Level[] = []
      for (const step of steps.filter((one) => one >= stepMs))
        levels.push({ stepMs: step, points: await points(node, step, from, to) })
      return columnsOf(joinLevels(levels, from, to), stepMs, metrics)
    },
    forget(node) {
      nodes.delete(node)
      waiting = waiting.filter((block) => block.node !== node)
    },
    start() {
      timer = setInterval(() => void write(), limits.historyFineMs)
      sweep = setInterval(() => {
        for (const { stepMs, keepMs } of storedSteps)
          void inOrder(() => store.dropSamples(stepMs, now() - keepMs))
      }, limits.storeSweepMs)
    },
    stop() {
      clearInterval(timer)
      clearInterval(sweep)
      for (const [node, { series }] of nodes) waiting.push(...blocksOf(node, series.flush()))
      return write()
    },
  }
}
