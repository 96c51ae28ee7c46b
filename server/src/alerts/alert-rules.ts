/** What deserves an alert now, decided from how things stand. Pure. An alert that is on ends later than it began. */
import type { Telemetry } from '@walt/shared/payloads'
import { humanSize } from '@walt/shared/sizes'
import type { FleetNode } from '../fleet/fleet.ts'
import type { AlertView } from '../http/api-schema.ts'

export type Condition = Pick<AlertView, 'kind' | 'node' | 'level' | 'message'>

export type AlertFacts = {
  nodes: readonly FleetNode[]
  telemetryOf: (node: string) => Telemetry | undefined
  swap: { usedBytes: number; quotaBytes: number }
  /** When a node was last restarted without anyone asking. */
  restartedAt: (node: string) => number | undefined
  now: number
}

/** Shares from which an alert is on, and below which it is over. */
const filling = [
  { level: 'critical', on: 0.95, over: 0.9 },
  { level: 'warning', on: 0.8, over: 0.75 },
] as const

const fillingKinds = ['overlay-filling', 'swap-filling'] as const

/** A restart that nobody asked for is told for so long. */
const restartToldMs = 600_000

/** `current`: the alert of that kind and node, if it is on. */
export function conditionsOf(
  facts: AlertFacts,
  current: (kind: AlertView['kind'], node: string | undefined) => AlertView | undefined,
): Condition[] {
  const fillingOf = (
    kind: AlertView['kind'],
    node: string | undefined,
    use: { used: number; total: number } | undefined,
    words: (percent: number) => string,
  ): Condition[] => {
    if (!use || use.total <= 0) return []
    const share = use.used / use.total
    const level = levelFor(share, current(kind, node)?.level)
    if (!level) return []
    return [{ kind, ...(node === undefined ? {} : { node }), level, message: words(Math.floor(share * 100)) }]
  }

  const ofNode = ({ record: { name }, status }: FleetNode): Condition[] => {
    if (status.state === 'lost') {
      const why = status.cause === undefined ? '' : `: ${status.cause}`
      return [{ kind: 'node-lost', node: name, level: 'critical', message: `${name} is lost${why}` }]
    }
    const conditions: Condition[] = []
    // A server that was restarted itself knows only what it told before.
    const restartedAt = facts.restartedAt(name) ?? current('unexpected-restart', name)?.since
    if (restartedAt !== undefined && facts.now - restartedAt < restartToldMs) {
      const message = `${name} was restarted though nobody asked: its watchdog, a crash, or its power`
      conditions.push({ kind: 'unexpected-restart', node: name, level: 'warning', message })
    }
    if (status.state !== 'booted') return conditions
    if (status.degraded) {
      const message = `${name} waits for its root file system: ${status.cause ?? 'the NFS server does not answer'}`
      conditions.push({ kind: 'root-degraded', node: name, level: 'critical', message })
    }
    const telemetry = facts.telemetryOf(name)
    // It has said nothing to this server yet: what was told stands.
    if (!telemetry) return [...conditions, ...fillingKinds.flatMap((kind) => current(kind, name) ?? [])]
    const { overlay, swap } = telemetry
    const bytes = overlay && { used: overlay.usedBytes, total: overlay.totalBytes }
    const inodes = overlay && { used: overlay.inodesUsed, total: overlay.inodes }
    const isFiles = share(inodes) > share(bytes)
    conditions.push(
      ...fillingOf('overlay-filling', name, isFiles ? inodes : bytes, (percent) => {
        const what = isFiles ? 'files' : `${humanSize(overlay?.totalBytes ?? 0)}`
        return `${name}: the writable layer is ${percent} % full (${what}): "walt node changes ${name}" lists the largest files`
      }),
      ...fillingOf('swap-filling', name, { used: swap.usedBytes, total: swap.totalBytes }, (percent) => {
        return `${name}: ${percent} % of its swap of ${humanSize(swap.totalBytes)} is used`
      }),
    )
    return conditions
  }

  const { usedBytes: used, quotaBytes: total } = facts.swap
  return [
    ...facts.nodes.flatMap(ofNode),
    ...fillingOf('swap-quota', undefined, { used, total }, (percent) => {
      return `The swap of all nodes takes ${percent} % of its quota of ${humanSize(total)} (swap.quota): nodes will get "no space"`
    }),
  ]
}

function share(use: { used: number; total: number } | undefined): number {
  return use && use.total > 0 ? use.used / use.total : 0
}

/** Pure: the level for a share, with the one that is on lasting until the share is well below. */
export function levelFor(
  value: number,
  current: AlertView['level'] | undefined,
): AlertView['level'] | undefined {
  for (const { level, on, over } of filling) {
    const lasting = current === level || (level === 'warning' && current === 'critical')
    if (value >= (lasting ? over : on)) return level
  }
  return undefined
}
