/** Pure: all about one node, for a person. */
import { humanSize } from '@walt/shared/sizes'
import type { NodeDetails } from '../http/api-schema.ts'
import { formatProperties, formatTable, printable } from './table.ts'
import { humanDuration, humanMoment } from './times.ts'

export function nodeDescription(node: NodeDetails, now: number): string {
  return [identity(node, now), machine(node), use(node, now), warnings(node), boot(node), history(node)]
    .filter((part) => part !== undefined)
    .join('\n\n')
}

function identity(node: NodeDetails, now: number): string {
  const cause = node.cause === undefined ? '' : ` (${node.cause})`
  const how = node.degraded ? ', degraded' : ''
  const given = Object.entries(node.settings.given).map(([name, value]) => `${name}=${value}`)
  const waiting = node.runningImage !== undefined && node.runningImage !== node.image
  return formatProperties([
    ['name', node.name],
    ['kind', `${node.virtual ? 'virtual' : 'physical'}, ${node.model}`],
    ['address', `${node.address}, ${node.mac}`],
    ['state', `${node.state} for ${humanDuration(now - node.since)}${how}${cause}`],
    ['image', waiting ? `${node.image} from the next boot on; now ${node.runningImage}` : node.image],
    ['boot mode', node.mode],
    ['boot id', node.bootId],
    ['user space', restarts(node.userSpace)],
    ['settings', given.length > 0 ? given.join(' ') : 'all as by default'],
  ])
}

function restarts(count: number | undefined): string | undefined {
  return count ? `restarted ${count === 1 ? 'once' : `${count} times`} in this boot` : undefined
}

function machine({ inventory }: NodeDetails): string | undefined {
  if (!inventory) return undefined
  return formatProperties([
    ['machine', `${inventory.manufacturer} ${inventory.model}`.trim()],
    ['processor', `${inventory.processor}, ${inventory.cores} cores, ${inventory.architecture}`],
    ['memory', humanSize(inventory.memoryBytes)],
    ['system', `${inventory.distribution}, kernel ${inventory.kernel}`],
    ['agent', inventory.agentVersion],
  ])
}

function use({ telemetry, mode }: NodeDetails, now: number): string | undefined {
  if (!telemetry) return undefined
  const { memory, swap, zswap, nbd, overlay, pressure, network, temperatureCelsius } = telemetry
  const percent = (used: number, total: number) =>
    total > 0 ? ` (${Math.floor((100 * used) / total)} %)` : ''
  const of = (used: number, total: number) =>
    `${humanSize(used)} of ${humanSize(total)}${percent(used, total)}`
  const kept = mode === 'hybrid-persistent' ? 'kept' : 'lost on reboot'
  return formatProperties([
    [
      'seen',
      `${humanDuration(now - telemetry.at)} ago, up for ${humanDuration(telemetry.uptimeSeconds * 1000)}`,
    ],
    ['load', telemetry.load.join(' ')],
    ['memory used', of(memory.totalBytes - memory.availableBytes, memory.totalBytes)],
    ['swap used', swap.totalBytes === 0 ? 'no swap' : of(swap.usedBytes, swap.totalBytes)],
    ['zswap', compressed(zswap)],
    ['swap traffic', nbd && `${humanSize(nbd.readBytes)} read, ${humanSize(nbd.writtenBytes)} written`],
    ['union used', overlay && `${of(overlay.usedBytes, overlay.totalBytes)}, ${kept}`],
    [
      'union inodes',
      overlay && `${overlay.inodesUsed} of ${overlay.inodes}${percent(overlay.inodesUsed, overlay.inodes)}`,
    ],
    ['pressure', pressure && `memory was waited for in ${pressure.somePercent} % of the last 10 s`],
    ['network', `${humanSize(network.receivedBytes)} received, ${humanSize(network.sentBytes)} sent`],
    ['temperature', temperatureCelsius === undefined ? undefined : `${temperatureCelsius} °C`],
  ])
}

function compressed(zswap: NonNullable<NodeDetails['telemetry']>['zswap']): string | undefined {
  if (!zswap?.enabled) return zswap && 'off'
  const { storedBytes, poolBytes } = zswap
  return storedBytes === undefined || poolBytes === undefined
    ? 'on'
    : `${humanSize(storedBytes)} in ${humanSize(poolBytes)} of memory`
}

function warnings({ warnings: said }: NodeDetails): string | undefined {
  if (said.length === 0) return undefined
  const rows = said.map(({ at, level, message }) => [humanMoment(at), level, message])
  return formatTable(['warned', 'level', 'of'], rows)
}

function boot({ bootReport }: NodeDetails): string | undefined {
  if (!bootReport) return undefined
  const before = humanDuration(bootReport.kernelUptimeMs)
  const title = `Last boot: ${before} before walt-agent, then walt-agent ${humanDuration(bootReport.totalMs)}`
  const rows = bootReport.steps.map((step) => [
    step.name,
    step.outcome,
    humanDuration(step.tookMs),
    step.note ?? '',
  ])
  const problems = bootReport.problems.map((problem) => `Problem: ${printable(problem)}`)
  return [title, formatTable(['step', 'outcome', 'took', 'note'], rows), ...problems].join('\n')
}

function history({ history: entries }: NodeDetails): string | undefined {
  if (entries.length === 0) return undefined
  const rows = entries.slice(0, 10).map((entry) => [humanMoment(entry.at), entry.state, entry.cause ?? ''])
  return formatTable(['since', 'state', 'cause'], rows)
}
