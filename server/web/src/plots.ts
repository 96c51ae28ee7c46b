/** Which plots a node's page has, and their data out of the node's history. Pure. */
import type { HistoryMetric, NodeDetails, NodeHistory } from '../../src/http/api-schema.ts'
import type { Unit } from './formats.ts'

export type PlotSpec = {
  key: string
  title: string
  unit: Unit
  series: { metric: HistoryMetric; label: string }[]
  /** The upper end of the scale, where there is one. */
  total?: (telemetry: NonNullable<NodeDetails['telemetry']>) => number | undefined
}

export const plotSpecs: readonly PlotSpec[] = [
  {
    key: 'memory',
    title: 'Memory in use',
    unit: 'bytes',
    series: [{ metric: 'memoryUsedBytes', label: 'used' }],
    total: ({ memory }) => memory.totalBytes,
  },
  {
    key: 'overlay',
    title: 'Overlay (lost on reboot)',
    unit: 'bytes',
    series: [{ metric: 'overlayUsedBytes', label: 'used' }],
    total: ({ overlay }) => overlay?.totalBytes,
  },
  {
    key: 'swap',
    title: 'Swap in use',
    unit: 'bytes',
    series: [{ metric: 'swapUsedBytes', label: 'used' }],
  },
  {
    key: 'zswap',
    title: 'zswap',
    unit: 'bytes',
    series: [
      { metric: 'zswapStoredBytes', label: 'stored' },
      { metric: 'zswapPoolBytes', label: 'pool' },
    ],
  },
  {
    key: 'nbd',
    title: 'Swap traffic (NBD)',
    unit: 'bytes-per-second',
    series: [
      { metric: 'nbdReadBytesPerSecond', label: 'read' },
      { metric: 'nbdWrittenBytesPerSecond', label: 'written' },
    ],
  },
  {
    key: 'network',
    title: 'Network traffic',
    unit: 'bytes-per-second',
    series: [
      { metric: 'networkReceivedBytesPerSecond', label: 'received' },
      { metric: 'networkSentBytesPerSecond', label: 'sent' },
    ],
  },
  { key: 'load', title: 'Load', unit: 'number', series: [{ metric: 'load', label: 'last minute' }] },
  {
    key: 'temperature',
    title: 'Temperature',
    unit: 'celsius',
    series: [{ metric: 'temperatureCelsius', label: 'processor' }],
  },
]

export const ranges = { hour: 3_600_000, day: 86_400_000, month: 30 * 86_400_000 } as const
export type RangeName = keyof typeof ranges

export type Column = (number | null)[]
/** uPlot's shape: seconds, then one column for each series. */
export type PlotData = [at: number[], ...columns: Column[]]

/**
 * Undefined where the node has never said anything of it. Between points that are far apart there is a gap: nothing is
 * known of the node there.
 */
export function plotData(spec: PlotSpec, history: NodeHistory): PlotData | undefined {
  const given = spec.series.map(({ metric }) => history.metrics[metric])
  if (!given.some((values) => values?.some((value) => value !== null))) return undefined
  const at: number[] = []
  const columns: Column[] = given.map(() => [])
  const longest = history.stepMs * 3
  let before: number | undefined
  for (const [index, time] of history.at.entries()) {
    if (before !== undefined && time - before > longest) {
      at.push((before + history.stepMs) / 1000)
      for (const column of columns) column.push(null)
    }
    at.push(time / 1000)
    for (const [series, column] of columns.entries()) column.push(given[series]?.[index] ?? null)
    before = time
  }
  return [at, ...columns]
}

/** The newest value that is known, and the greatest. */
export function summary(column: Column | undefined): { last: number | null; max: number | null } {
  const known = (column ?? []).filter((value) => value !== null)
  return { last: known.at(-1) ?? null, max: known.length > 0 ? known.reduce((a, b) => Math.max(a, b)) : null }
}
