/**
 * One HTTP application behind several listeners: a Unix socket, whose mode says who may use it, and TCP, where all but
 * what a booting node needs takes the token as a bearer token (RFC 6750). Which listener a request came by is noted
 * when it is accepted; nothing in the request can claim it.
 */
import { chmod, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { listenError } from '../listen-error.ts'
import type { Log } from '../log.ts'
import { sameSecret } from '../same-secret.ts'
import { errorAnswer, sendProblem } from './http-errors.ts'

export type HttpContext = {
  /** Aborted when the asker is gone. */
  signalOf: (request: FastifyRequest) => AbortSignal
  /** Counts an answer that never ends. @throws WaltError `too-many-streams` */
  takeStream: (signal: AbortSignal) => void
}

export type HttpServer = { start(): Promise<void>; stop(): Promise<void> }

export function createHttpServer(options: {
  socket: string
  addresses: readonly string[]
  port: number
  token: string
  /** Routes under `/api/v1`. */
  addApi: (app: FastifyInstance, context: HttpContext) => void
  /** Routes that are behind the token like the API, but elsewhere. */
  addGuarded: (app: FastifyInstance) => void
  /** Routes that need no token. */
  addOpen: (app: FastifyInstance) => void
  /** Each answer, with the route as it was declared. */
  answered: (request: { method: string; route: string; status: number; seconds: number }) => void
  log: Log
}): HttpServer {
  const { socket, addresses, port, token, log } = options
  const local = new WeakSet<IncomingMessage>()
  const signals = new WeakMap<FastifyRequest, AbortSignal>()
  const servers: Server[] = []
  let streams = 0

  const context: HttpContext = {
    signalOf: (request) => signals.get(request) ?? AbortSignal.abort(),
    takeStream(signal) {
      if (streams >= limits.apiStreamsMax) {
        throw new WaltError(
          'too-many-streams',
          `The server has ${streams} followers already; end one of them.`,
        )
      }
      streams += 1
      signal.addEventListener('abort', () => {
        streams -= 1
      })
    },
  }

  const app = fastify({ bodyLimit: limits.httpBodyMaxBytes, forceCloseConnections: true })
  app.addHook('onRequest', async (request, reply) => {
    const controller = new AbortController()
    reply.raw.once('close', () => controller.abort())
    signals.set(request, controller.signal)
  })
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions } = request
    const seconds = reply.elapsedTime / 1000
    options.answered({ method, route: routeOptions.url ?? 'none', status: reply.statusCode, seconds })
  })
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, log))
  app.setNotFoundHandler((request, reply) => {
    const message = `There is no ${request.method} ${request.url}.`
    return sendProblem(reply, 404, { code: 'not-found', message })
  })
  // A client that says JSON and sends nothing means no body.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null, undefined)
    try {
      done(null, JSON.parse(String(body)))
    } catch (cause) {
      done(new WaltError('request-invalid', 'The body of the request is not JSON.', { cause }))
    }
  })
  app.register(async (open) => options.addOpen(open))
  const guard = async (request: FastifyRequest) => {
    if (!local.has(request.raw)) checkToken(request.headers.authorization, token)
  }
  app.register(async (guarded) => {
    guarded.addHook('onRequest', guard)
    options.addGuarded(guarded)
  })
  app.register(
    async (api) => {
      api.addHook('onRequest', guard)
      options.addApi(api, context)
    },
    { prefix: '/api/v1' },
  )

  async function listen(listener: RequestListener, where: { path: string } | { host: string; port: number }) {
    const server = createServer(listener)
    servers.push(server)
    await new Promise<void>((resolve, reject) => {
      const address = 'path' in where ? where.path : where.host
      server.once('error', (cause) => reject(listenError('HTTP API', 'http.port', address, port, cause)))
      server.listen({ ...where, backlog: limits.listenBacklogMax }, resolve)
    })
  }

  return {
    async start() {
      await app.ready()
      // Whoever made it is gone: the state folder is locked.
      await rm(socket, { force: true })
      await listen(
        (request, response) => {
          local.add(request)
          app.routing(request, response)
        },
        { path: socket },
      )
      await chmod(socket, 0o600)
      for (const host of addresses) await listen(app.routing, { host, port })
    },
    async stop() {
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)))
      for (const server of servers) server.closeAllConnections()
      await Promise.all(closed)
      await app.close()
      await rm(socket, { force: true })
    },
  }
}

function checkToken(header: string | undefined, token: string): void {
  if (sameSecret(`Bearer ${token}`, header ?? '')) return
  throw new WaltError('unauthorized', 'Over the network this needs the token of the server (run/api.token).')
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log) {
  const { status, body } = errorAnswer(error)
  if (status >= 500) log.error(`${request.method} ${request.url}: ${body.message}`)
  return sendProblem(reply, status, body)
}
