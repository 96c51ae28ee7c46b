import type { FastifyInstance } from 'fastify'
import * as v from 'valibot'
import type { Fleet } from '../fleet/fleet.ts'
import { type Logbook, serverIssuer } from '../logbook/logbook.ts'
import * as api from './api-schema.ts'
import { checked } from './http-errors.ts'
import { cursorNumber } from './page.ts'

const checkpointParams = v.object({ name: v.string() })
const pageLines = 1_000

export function addLogRoutes(
  app: FastifyInstance,
  parts: { fleet: Pick<Fleet, 'resolve'>; logbook: Logbook; now: () => number },
): void {
  const { fleet, logbook, now } = parts

  /** Node sets have commas of their own, but no node is named "server" within one. */
  function issuersOf(text: string): string[] {
    const words = text.split(',')
    const sets = words.filter((word) => word !== serverIssuer).join(',')
    const nodes = sets === '' ? [] : fleet.resolve(sets)
    return words.includes(serverIssuer) ? [serverIssuer, ...nodes] : nodes
  }

  app.get('/logs', async (request): Promise<api.LogPage> => {
    const query = checked(api.logsQuery, request.query)
    const { issuers, streams, from, to, cursor, limit = pageLines } = query
    const lines = await logbook.query({
      issuers: issuers === undefined ? undefined : issuersOf(issuers),
      streams: streams?.split(','),
      ...{ from, to, limit },
      afterId: cursor === undefined ? undefined : cursorNumber(cursor),
    })
    const last = lines.at(-1)
    return lines.length < limit || !last ? { lines } : { lines, next: String(last.id) }
  })

  app.post('/logs', async (request, reply) => {
    const { stream, message } = checked(api.writeLogRequest, request.body)
    logbook.write({ at: now(), issuer: serverIssuer, stream, level: 'info', message })
    return reply.status(204).send()
  })

  app.get('/logs/checkpoints', async (): Promise<api.LogCheckpoint[]> => logbook.checkpoints())

  app.post('/logs/checkpoints', async (request, reply): Promise<api.LogCheckpoint> => {
    const { name, at } = checked(api.addCheckpointRequest, request.body)
    const checkpoint = await logbook.addCheckpoint(name, at)
    reply.status(201)
    return checkpoint
  })

  app.delete('/logs/checkpoints/:name', async (request, reply) => {
    await logbook.removeCheckpoint(checked(checkpointParams, request.params).name)
    return reply.status(204).send()
  })
}
