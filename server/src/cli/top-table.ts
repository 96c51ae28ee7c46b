/** The table of `walt top`: the fleet, a line a node. Pure. */
import { humanSize } from '@walt/shared/sizes'
import type { NodeListEntry, ServerStatus } from '../http/api-schema.ts'
import { formatTable, printable } from './table.ts'
import { humanDuration } from './times.ts'

/** What the key `s` goes through. */
export const topOrders = ['name', 'state', 'load', 'memory', 'swap', 'union', 'temperature'] as const
export type TopOrder = (typeof topOrders)[number]

const badness = ['lost', 'down', 'rebooting', 'booting', 'booted', 'new', 'off']

type Use = { used: number; total: number }

const memoryOf = ({ telemetry }: NodeListEntry): Use | undefined =>
  telemetry && {
    used: telemetry.memory.totalBytes - telemetry.memory.availableBytes,
    total: telemetry.memory.totalBytes,
  }
const swapOf = ({ telemetry }: NodeListEntry): Use | undefined =>
  telemetry && { used: telemetry.swap.usedBytes, total: telemetry.swap.totalBytes }
const unionOf = ({ telemetry }: NodeListEntry): Use | undefined =>
  telemetry?.overlay && { used: telemetry.overlay.usedBytes, total: telemetry.overlay.totalBytes }

const share = (use: Use | undefined) => (use && use.total > 0 ? use.used / use.total : -1)

const keys: Record<Exclude<TopOrder, 'name'>, (node: NodeListEntry) => number> = {
  state: ({ state, degraded }) => badness.length - badness.indexOf(state) + (degraded ? 0.5 : 0),
  load: ({ telemetry }) => telemetry?.load[0] ?? -1,
  memory: (node) => share(memoryOf(node)),
  swap: (node) => swapOf(node)?.used ?? -1,
  union: (node) => share(unionOf(node)),
  temperature: ({ telemetry }) => telemetry?.temperatureCelsius ?? Number.NEGATIVE_INFINITY,
}

/** By name, or what is most first. */
export function sortedNodes(nodes: readonly NodeListEntry[], order: TopOrder): NodeListEntry[] {
  const byName = (one: NodeListEntry, other: NodeListEntry) =>
    one.name.localeCompare(other.name, 'en', { numeric: true })
  if (order === 'name') return nodes.toSorted(byName)
  const key = keys[order]
  return nodes.toSorted((one, other) => key(other) - key(one) || byName(one, other))
}

/** A line about the whole, then a line a node; `rows` at most, as a terminal has. */
export function topText(
  nodes: readonly NodeListEntry[],
  status: ServerStatus,
  shown: { order: TopOrder; now: number; rows?: number | undefined },
): string {
  const { order, now, rows = Number.POSITIVE_INFINITY } = shown
  const counts = (['booted', 'booting', 'rebooting', 'down'] as const)
    .filter((state) => status.nodes[state] > 0)
    .map((state) => `${status.nodes[state]} ${state}`)
  const head = [
    `${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}${counts.length > 0 ? `: ${counts.join(', ')}` : ''}`,
    `swap ${humanSize(status.swap.usedBytes)} of ${humanSize(status.swap.quotaBytes)}`,
    `sorted by ${order}`,
  ].join('   ')
  const room = Math.max(1, rows - 3)
  const visible = sortedNodes(nodes, order).slice(0, room)
  const lines = visible.map((node) => row(node, now))
  const more = nodes.length > visible.length ? [`and ${nodes.length - visible.length} more`] : []
  const header = ['node', 'state', 'for', 'image', 'load', 'memory', 'swap', 'union', 'temp']
  return [head, '', formatTable(header, lines), ...more].join('\n')
}

function row(node: NodeListEntry, now: number): string[] {
  // What a node said before it went is no news.
  const isUp = node.state === 'booted'
  const { telemetry } = node
  const percent = (use: Use | undefined) =>
    use && use.total > 0 ? `${Math.round((use.used / use.total) * 100)}% of ${humanSize(use.total)}` : ''
  const amount = (use: Use | undefined) => (use && use.total > 0 ? humanSize(use.used) : '')
  const temperature = telemetry?.temperatureCelsius
  return [
    node.name,
    node.degraded ? `${node.state}, degraded` : node.state,
    humanDuration(now - node.since),
    printable(node.runningImage ?? node.image),
    ...(isUp && telemetry
      ? [
          telemetry.load[0].toFixed(2),
          percent(memoryOf(node)),
          amount(swapOf(node)),
          percent(unionOf(node)),
          temperature === undefined ? '' : `${Math.round(temperature)} °C`,
        ]
      : ['', '', '', '', '']),
  ]
}
