/** What the server says of itself, for Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, type Registry } from 'prom-client'
import type { AlertView } from '../http/api-schema.ts'

export type ServerFigures = {
  version: string
  broker: () => { connections: number; refused: number }
  swap: () => { connections: number; usedBytes: number; quotaBytes: number }
  alerts: () => readonly AlertView[]
}

export type HttpMetrics = {
  /** `route` as it was declared: `/api/v1/nodes/:name`. */
  answered(request: { method: string; route: string; status: number; seconds: number }): void
}

/** Gauges whose names end as only those of counters may (promtool check metrics). */
const misnamed = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

export function addServerMetrics(register: Registry, figures: ServerFigures): HttpMetrics {
  const registers = [register]
  collectDefaultMetrics({ register })
  for (const name of misnamed) register.removeSingleMetric(name)

  const { version } = figures
  new Gauge({
    ...{ name: 'walt_build_info', help: 'Version of walt-server; always 1.', registers },
    labelNames: ['version'],
  }).set({ version }, 1)
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(value())
      },
    })
  gauge('walt_broker_connections', 'Connections to the MQTT broker.', () => figures.broker().connections)
  gauge('walt_swap_connections', 'Connections to the swap server.', () => figures.swap().connections)
  gauge('walt_swap_used_bytes', 'Disk space that swap takes.', () => figures.swap().usedBytes)
  gauge('walt_swap_quota_bytes', 'Disk space that swap may take.', () => figures.swap().quotaBytes)
  new Counter({
    ...{ name: 'walt_broker_refused_total', registers },
    help: 'Connections, publications and subscriptions that the MQTT broker refused.',
    collect() {
      this.reset()
      this.inc(figures.broker().refused)
    },
  })
  new Gauge({
    ...{ name: 'walt_alerts', help: 'Alerts that are on.', labelNames: ['kind', 'level'], registers },
    collect() {
      this.reset()
      for (const { kind, level } of figures.alerts()) this.inc({ kind, level })
    },
  })
  const requests = new Counter({
    ...{ name: 'walt_http_requests_total', help: 'Requests of the HTTP API that were answered.', registers },
    labelNames: ['method', 'route', 'code'],
  })
  const duration = new Histogram({
    ...{ name: 'walt_http_request_duration_seconds', help: 'Time to answer a request.', registers },
    labelNames: ['method', 'route'],
    buckets: [0.005, 0.025, 0.1, 0.25, 1, 5, 30],
  })
  return {
    answered({ method, route, status, seconds }) {
      requests.inc({ method, route, code: status })
      duration.observe({ method, route }, seconds)
    },
  }
}
