import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { FastifyInstance } from 'fastify'
import * as v from 'valibot'
import type { Fleet } from '../fleet/fleet.ts'
import type { BootHistory } from '../history/boot-history.ts'
import type { TelemetryHistory } from '../history/telemetry-history.ts'
import * as api from './api-schema.ts'
import { checked } from './http-errors.ts'

const nodeParams = v.object({ name: v.string() })

export function addHistoryRoutes(
  app: FastifyInstance,
  parts: { fleet: Pick<Fleet, 'get'>; history: TelemetryHistory; boots: BootHistory; now: () => number },
): void {
  const { fleet, history, boots, now } = parts

  app.get('/nodes/:name/history', async (request): Promise<api.NodeHistory> => {
    const { name } = checked(nodeParams, request.params)
    const query = checked(api.nodeHistoryQuery, request.query)
    fleet.get(name)
    const { metric, to = now(), from = to - limits.historyFineKeepMs } = query
    if (from > to) throw new WaltError('request-invalid', 'from: it is later than "to".')
    const metrics = metric === undefined ? api.historyMetricNames : metricsOf(metric)
    return history.query(name, { from, to, metrics })
  })

  app.get('/nodes/:name/boots', async (request): Promise<api.NodeBoot[]> => {
    const { name } = checked(nodeParams, request.params)
    fleet.get(name)
    return boots.list(name)
  })
}

/** @throws WaltError `request-invalid` */
function metricsOf(text: string): api.HistoryMetric[] {
  return text.split(',').map((word) => {
    const result = v.safeParse(api.historyMetric, word)
    if (result.success) return result.output
    const known = api.historyMetricNames.join(', ')
    throw new WaltError('request-invalid', `metric: "${word.slice(0, 40)}" is none of ${known}.`)
  })
}
