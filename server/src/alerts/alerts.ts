/**
 * Keeps the alerts: looks every few seconds, and tells when one begins, becomes worse, or is over; never the same twice.
 * Those that are on outlive a restart of the server, so that it does not tell them anew.
 */
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Fleet, FleetChange } from '../fleet/fleet.ts'
import { kexecCause } from '../fleet/node-status.ts'
import type { AlertView } from '../http/api-schema.ts'
import type { Log } from '../log.ts'
import type { MonitoringStore } from '../store/monitoring-store.ts'
import { type AlertFacts, type Condition, conditionsOf } from './alert-rules.ts'

export type Alerts = {
  start(): Promise<void>
  /** Looks at how things stand; done every `limits.alertLookMs`. */
  look(): Promise<void>
  list(): Promise<AlertView[]>
  active(): AlertView[]
  stop(): Promise<void>
}

const keyOf = ({ kind, node }: Pick<AlertView, 'kind' | 'node'>) => `${kind} ${node ?? ''}`

export function createAlerts(options: {
  fleet: Pick<Fleet, 'list' | 'subscribe'>
  facts: Pick<AlertFacts, 'telemetryOf'> & { swap: () => AlertFacts['swap'] }
  store: Pick<MonitoringStore, 'alerts' | 'addAlert' | 'putAlert' | 'dropAlerts'>
  /** One that began, became worse or better, or is over. */
  tell: (alert: AlertView) => void
  now: () => number
  log: Log
}): Alerts {
  const { fleet, facts, store, tell, now, log } = options
  const on = new Map<string, AlertView>()
  const restarts = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined
  let working = Promise.resolve()

  const unsubscribe = fleet.subscribe((change) => {
    if (!change.node) {
      restarts.delete(change.name)
      for (const [key, alert] of on) if (alert.node === change.name) on.delete(key)
    } else if (isUnexpectedRestart(change)) restarts.set(change.name, now())
  })

  async function begin(condition: Condition): Promise<void> {
    const alert = { ...condition, since: now() }
    // Told even if it cannot be stored.
    const stored = await store.addAlert(alert).catch((thrown) => {
      log.error(`an alert was not stored: ${reasonOf(thrown)}`)
      return { ...alert, id: 0 }
    })
    const view = { ...alert, id: stored.id }
    on.set(keyOf(view), view)
    tell(view)
  }

  async function change(alert: AlertView): Promise<void> {
    if (alert.resolvedAt === undefined) on.set(keyOf(alert), alert)
    else on.delete(keyOf(alert))
    tell(alert)
    await store.putAlert(alert).catch((thrown) => log.error(`an alert was not stored: ${reasonOf(thrown)}`))
  }

  async function judge(): Promise<void> {
    // Asked several times for each node of a fleet, and mostly nothing is on.
    const current = (kind: AlertView['kind'], node: string | undefined) =>
      on.size === 0 ? undefined : on.get(keyOf({ kind, node }))
    const present = { nodes: fleet.list(), now: now(), swap: facts.swap() }
    const restartedAt = (node: string) => restarts.get(node)
    const { telemetryOf } = facts
    const conditions = conditionsOf({ ...present, telemetryOf, restartedAt }, current)
    const wanted = new Map(conditions.map((condition) => [keyOf(condition), condition]))
    for (const alert of [...on.values()]) {
      const condition = wanted.get(keyOf(alert))
      if (!condition) await change({ ...alert, resolvedAt: now() })
      // A message that only counts on is no news.
      else if (condition.level !== alert.level) await change({ ...alert, ...condition })
    }
    for (const [key, condition] of wanted) if (!on.has(key)) await begin(condition)
  }

  function look(): Promise<void> {
    working = working.then(judge).catch((thrown) => log.error(`alerts: ${reasonOf(thrown)}`))
    return working
  }

  return {
    async start() {
      for (const alert of await store.alerts(0)) on.set(keyOf(alert as AlertView), alert as AlertView)
      await store.dropAlerts(now() - limits.logKeepMs)
      timer = setInterval(() => void look(), limits.alertLookMs)
      await look()
    },
    look,
    list: async () => (await store.alerts(limits.alertsListedMax)) as AlertView[],
    active: () => [...on.values()],
    stop() {
      clearInterval(timer)
      unsubscribe()
      return working
    },
  }
}

/** Pure. A node that was up boots anew, or its machine ended, and nobody had asked: neither a person nor its own system. */
export function isUnexpectedRestart({ before, event }: FleetChange): boolean {
  if (!before || !event) return false
  const wasUp =
    before.state === 'booted' || (before.state === 'down' && /connection was lost$/.test(before.cause ?? ''))
  if (!wasUp) return false
  return event.type === 'machine-exited' || (event.type === 'boot-started' && event.cause !== kexecCause)
}
