/**
 * The dashboard's files. They hold nothing of the platform, so they need no token; all that they show comes from the
 * API, which does.
 */
import { WaltError } from '@walt/shared/errors'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { chooseEncoding, type WebFile, type WebFiles } from './web-files.ts'

/** What the dashboard's own router knows; every other unknown path stays unknown. */
const pages = ['/nodes/*', '/images', '/alerts']

/** Scripts and styles of ours only, and no page of others may frame it or be written to. */
const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
}

export function addWebRoutes(app: FastifyInstance, files: WebFiles, version: string): void {
  const index = files.get('/index.html')

  function send(request: FastifyRequest, reply: FastifyReply, file: WebFile | undefined) {
    if (!file) throw new WaltError('not-found', `There is no ${request.method} ${request.url}.`)
    const encoding = chooseEncoding(request.headers['accept-encoding'])
    const compressed = encoding && file.compressed[encoding]
    if (compressed) reply.header('content-encoding', encoding)
    return reply
      .headers(securityHeaders)
      .header('vary', 'accept-encoding')
      .header('cache-control', file.immutable ? 'public, max-age=31536000, immutable' : 'no-cache')
      .type(file.type)
      .send(compressed ?? file.content)
  }

  for (const page of pages) {
    app.get(page, async (request, reply) => send(request, reply, index))
  }
  // A browser gets the dashboard, a program that looks at the port no more than what it is.
  app.get('/', async (request, reply) => {
    const browser = /\btext\/html\b/.test(request.headers.accept ?? '')
    if (browser && index) return send(request, reply, index)
    const dashboard = index ? '/' : 'not built: npm run build:web'
    return { name: 'walt-server', version, api: '/api/v1', dashboard }
  })
  app.get('/assets/*', async (request, reply) => send(request, reply, files.get(request.url)))
}
