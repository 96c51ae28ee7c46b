/** What watches the fleet and remembers, wired: history, boots, log, events, alerts, metrics. */
import { reasonOf } from '@walt/shared/errors'
import { alertTopic } from '@walt/shared/mqtt-topics'
import type { FastifyInstance } from 'fastify'
import { Registry } from 'prom-client'
import { createAlerts } from './alerts/alerts.ts'
import { createWebhook } from './alerts/webhook.ts'
import type { Fleet } from './fleet/fleet.ts'
import { type BootHistory, createBootHistory } from './history/boot-history.ts'
import { createTelemetryHistory, type TelemetryHistory } from './history/telemetry-history.ts'
import { addAlertRoutes } from './http/alert-routes.ts'
import type { AlertView, FleetEventView } from './http/api-schema.ts'
import { createEventFeed } from './http/event-feed.ts'
import { addEventRoutes } from './http/event-routes.ts'
import { addHistoryRoutes } from './http/history-routes.ts'
import type { HttpContext } from './http/http-server.ts'
import { addLogRoutes } from './http/log-routes.ts'
import { addMetricsRoute } from './http/metrics-routes.ts'
import { viewOfNode } from './http/node-view.ts'
import type { Log } from './log.ts'
import { createLogbook, type Logbook, platformMessage, serverIssuer } from './logbook/logbook.ts'
import { addNodeMetrics } from './metrics/node-metrics.ts'
import { addServerMetrics, type HttpMetrics, type ServerFigures } from './metrics/server-metrics.ts'
import type { Store } from './store/store.ts'

export type Monitoring = {
  history: TelemetryHistory
  boots: BootHistory
  logbook: Logbook
  answered: HttpMetrics['answered']
  addApi(app: FastifyInstance, context: HttpContext): void
  addMetrics(app: FastifyInstance): void
  start(): Promise<void>
  stop(): Promise<void>
}

export function createMonitoring(parts: {
  fleet: Fleet
  store: Store
  webhook: string | null
  figures: Omit<ServerFigures, 'alerts'>
  /** To the broker. */
  publish: (topic: string, payload: string) => void
  now: () => number
  log: Log
}): Monitoring {
  const { fleet, store, figures, publish, now, log } = parts
  const feed = createEventFeed(now().toString(36))
  const history = createTelemetryHistory({ store, now, log })
  const boots = createBootHistory({ fleet, store, log })
  const logbook = createLogbook({
    ...{ store, now, log },
    tell: (line) => feed.publish('log', () => line),
  })
  const webhook =
    parts.webhook === null ? undefined : createWebhook({ url: parts.webhook, random: Math.random, log })

  const say = (level: 'info' | 'warning' | 'error', message: string) =>
    logbook.write({ at: now(), issuer: serverIssuer, stream: 'platform', level, message })

  function tellAlert(alert: AlertView): void {
    const over = alert.resolvedAt !== undefined
    const message = over ? `over: ${alert.message}` : `alert: ${alert.message}`
    if (over) log.info(message)
    else log.warn(message)
    say(over ? 'info' : alert.level === 'critical' ? 'error' : 'warning', message)
    feed.publish('alert', () => alert)
    publish(alertTopic, JSON.stringify(alert))
    webhook?.send(alert)
  }
  const alerts = createAlerts({
    ...{ fleet, store, now, log },
    facts: { telemetryOf: history.latest, swap: figures.swap },
    tell: tellAlert,
  })

  fleet.subscribe((change) => {
    const { name, node } = change
    // As it is now: what a node is made of is replaced, never changed.
    const seen = node && { ...node }
    const at = now()
    feed.publish('node', (): FleetEventView => {
      return { node: name, at, ...(seen ? { view: viewOfNode(seen) } : {}) }
    })
    if (!node) history.forget(name)
    const message = platformMessage(change)
    if (message !== undefined) say('info', message)
  })

  const register = new Registry()
  addNodeMetrics(register, { nodes: fleet.list, telemetry: history.all, now })
  const { answered } = addServerMetrics(register, { ...figures, alerts: alerts.active })

  return {
    ...{ history, boots, logbook, answered },
    addApi(app, context) {
      addHistoryRoutes(app, { fleet, history, boots, now })
      addLogRoutes(app, { fleet, logbook, now })
      addAlertRoutes(app, alerts)
      addEventRoutes(app, { ...context, feed })
    },
    addMetrics: (app) => addMetricsRoute(app, register),
    async start() {
      history.start()
      logbook.start()
      await alerts.start()
    },
    async stop() {
      const ends = [alerts.stop(), webhook?.stop(), boots.settled(), history.stop(), logbook.stop()]
      for (const end of await Promise.allSettled(ends))
        if (end.status === 'rejected') log.error(`monitoring: ${reasonOf(end.reason)}`)
    },
  }
}
