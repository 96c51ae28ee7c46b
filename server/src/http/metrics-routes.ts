import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'

/** Behind the token, as names of nodes are not for everybody: Prometheus has `authorization: credentials_file:`. */
export function addMetricsRoute(app: FastifyInstance, register: Registry): void {
  app.get('/metrics', async (_request, reply) => {
    const texts: string[] = []
    for (const { name } of register.getMetricsAsArray()) {
      texts.push(await register.getSingleMetricAsString(name))
      // A metric of ten thousand nodes takes twenty milliseconds: the others have their turn in between.
      await setImmediate()
    }
    return reply.type(register.contentType).send(`${texts.join('\n\n')}\n`)
  })
}

/** For whoever supervises the server: is it alive; and can it be used, or why not. */
export function addHealthRoutes(app: FastifyInstance, problems: () => readonly string[]): void {
  app.get('/healthz', async (_request, reply) => reply.type('text/plain').send('ok\n'))
  app.get('/readyz', async (_request, reply) => {
    const found = problems()
    const text = found.length === 0 ? 'ready\n' : `not ready: ${found.join('; ')}\n`
    return reply
      .status(found.length === 0 ? 200 : 503)
      .type('text/plain')
      .send(text)
  })
}
