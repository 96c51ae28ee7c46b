import type { FastifyInstance } from 'fastify'
import type { DashboardLink, ServerStatus } from './api-schema.ts'

export function addStatusRoutes(app: FastifyInstance, readStatus: () => Promise<ServerStatus>): void {
  app.get('/status', readStatus)
}

/** The dashboard's address with the token in its fragment, which browsers keep to themselves. */
export function addDashboardRoute(app: FastifyInstance, origin: string, token: string): void {
  app.get('/dashboard', async (): Promise<DashboardLink> => ({ url: `${origin}/#token=${token}` }))
}
