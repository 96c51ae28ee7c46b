import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import * as v from 'valibot'
import * as api from './api-schema.ts'
import type { EventFeed, FeedEvent } from './event-feed.ts'
import { checked } from './http-errors.ts'

/** Server-sent events: what happens, as it happens. A reader that is too slow is cut off: it may come again. */
export function addEventRoutes(
  app: FastifyInstance,
  parts: {
    feed: EventFeed
    signalOf: (request: FastifyRequest) => AbortSignal
    takeStream: (signal: AbortSignal) => void
  },
): void {
  const { feed, signalOf, takeStream } = parts

  app.get('/events', (request, reply) => {
    const kinds = kindsOf(checked(api.eventsQuery, request.query).kinds)
    const signal = signalOf(request)
    takeStream(signal)
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    const send = (text: string) => {
      if (raw.writableLength > limits.httpBodyMaxBytes) raw.destroy()
      else raw.write(text)
    }
    const sendEvent = ({ id, kind, text }: FeedEvent) =>
      send(`id: ${id}\nevent: ${kind}\ndata: ${text()}\n\n`)

    const lastId = request.headers['last-event-id']
    const missed = typeof lastId === 'string' ? catchUp(feed, lastId, kinds) : []
    // The id is for one who is gone before the first event.
    send(`id: ${missed?.[0] && typeof lastId === 'string' ? lastId : feed.lastId()}\n: walt\n\n`)
    if (missed) for (const event of missed) sendEvent(event)
    else send('event: reset\ndata: {}\n\n')
    const unsubscribe = feed.subscribe(kinds, sendEvent)
    const beat = setInterval(() => send(': beat\n\n'), limits.apiStreamBeatMs)
    signal.addEventListener('abort', () => {
      clearInterval(beat)
      unsubscribe()
      raw.destroy()
    })
  })
}

/** Undefined where it is forgotten, or more than can be sent at once: reading all anew is better then. */
function catchUp(feed: EventFeed, lastId: string, kinds: readonly api.EventKind[]): FeedEvent[] | undefined {
  const missed = feed.since(lastId, kinds)
  const size = missed?.reduce((sum, event) => sum + event.text().length, 0) ?? 0
  return size > limits.httpBodyMaxBytes / 4 ? undefined : missed
}

/** @throws WaltError `request-invalid` */
function kindsOf(text: string | undefined): api.EventKind[] {
  if (text === undefined) return ['node', 'alert']
  return text.split(',').map((word) => {
    const result = v.safeParse(api.eventKind, word)
    if (result.success) return result.output
    const known = api.eventKindNames.join(', ')
    throw new WaltError('request-invalid', `kinds: "${word.slice(0, 40)}" is none of ${known}.`)
  })
}
