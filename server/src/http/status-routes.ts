import type { FastifyInstance } from 'fastify'
import type { ServerStatus } from './api-schema.ts'

export function addStatusRoutes(app: FastifyInstance, readStatus: () => Promise<ServerStatus>): void {
  app.get('/status', readStatus)
}

/** For whoever looks at the port: no more than what it is. */
export function addWelcome(app: FastifyInstance, version: string): void {
  app.get('/', async () => ({ name: 'walt-server', version, api: '/api/v1' }))
}
