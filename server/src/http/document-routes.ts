import type { FastifyInstance } from 'fastify'
import { apiDocument } from './api-document.ts'

export function addDocumentRoute(app: FastifyInstance, version: string): void {
  const text = JSON.stringify(apiDocument(version))
  app.get('/openapi.json', async (_request, reply) => reply.type('application/json').send(text))
}
