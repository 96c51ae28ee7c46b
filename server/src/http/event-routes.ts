import { limits } from '@walt/shared/limits'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Fleet } from '../fleet/fleet.ts'
import type { FleetEventView } from './api-schema.ts'
import { viewOfNode } from './node-view.ts'

/** Server-sent events: each change of a node as it happens. A reader that is too slow is cut off: it may come again. */
export function addEventRoutes(
  app: FastifyInstance,
  parts: {
    fleet: Fleet
    now: () => number
    signalOf: (request: FastifyRequest) => AbortSignal
    takeStream: (signal: AbortSignal) => void
  },
): void {
  const { fleet, now, signalOf, takeStream } = parts

  app.get('/events', (request, reply) => {
    const signal = signalOf(request)
    takeStream(signal)
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    const send = (text: string) => {
      if (raw.writableLength > limits.httpBodyMaxBytes) raw.destroy()
      else raw.write(text)
    }
    send(': walt\n\n')
    const unsubscribe = fleet.subscribe(({ name, node }) => {
      const event: FleetEventView = { node: name, at: now(), ...(node ? { view: viewOfNode(node) } : {}) }
      send(`event: node\ndata: ${JSON.stringify(event)}\n\n`)
    })
    const beat = setInterval(() => send(': beat\n\n'), limits.apiStreamBeatMs)
    signal.addEventListener('abort', () => {
      clearInterval(beat)
      unsubscribe()
      raw.destroy()
    })
  })
}
