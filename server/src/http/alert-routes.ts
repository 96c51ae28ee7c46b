import type { FastifyInstance } from 'fastify'
import type { Alerts } from '../alerts/alerts.ts'
import type { AlertView } from './api-schema.ts'

export function addAlertRoutes(app: FastifyInstance, alerts: Pick<Alerts, 'list'>): void {
  app.get('/alerts', async (): Promise<AlertView[]> => alerts.list())
}
