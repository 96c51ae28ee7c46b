/** The API's own description, and whether its answers are as it says. */
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020.js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { playNode } from '../support/loopback-nodes.ts'
import { type LoopbackServer, startLoopbackServer } from '../support/loopback-server.ts'
import type { SimulatedNode } from '../support/simulated-node.ts'

type Operation = { responses: Record<string, { content?: Record<string, object> }> }
type Document = { paths: Record<string, Record<string, Operation>>; components: object }

let server: LoopbackServer
let node: SimulatedNode
let document: Document
let ajv: Ajv2020.default

beforeEach(async () => {
  server = await startLoopbackServer()
  node = await playNode(server, 'rpi1', 1)
  document = (await server.api('GET', 'openapi.json')).json<Document>()
  ajv = new Ajv2020.default({ strict: false, allErrors: true, validateFormats: false })
  ajv.addSchema({ $id: 'document', ...document })
})
afterEach(async () => {
  node.lose()
  await server.end()
})

/** The schema for an answer, or undefined where the document says that it is not JSON. */
function schemaFor(operation: Operation, status: number, pointer: string): ValidateFunction | undefined {
  const known = operation.responses[status]
  if (!known) return ajv.compile({ $ref: 'document#/components/schemas/Problem' })
  const type = Object.keys(known.content ?? {})[0]
  if (type !== 'application/json') return undefined
  return ajv.compile({ $ref: `document#${pointer}/responses/${status}/content/application~1json/schema` })
}

async function ask(method: string, path: string, url: string, body?: unknown): Promise<number> {
  const answer = await server.api(method, url.slice(1), body)
  const operation = document.paths[path]?.[method.toLowerCase()]
  if (!operation) throw new Error(`${method} ${path} is not in the document`)
  const escaped = path.replaceAll('/', '~1').replace(/\{/g, '%7B').replace(/\}/g, '%7D')
  const validate = schemaFor(operation, answer.status, `/paths/${escaped}/${method.toLowerCase()}`)
  if (validate && !validate(answer.json())) {
    throw new Error(`${method} ${url}: ${ajv.errorsText(validate.errors)} in ${answer.body.slice(0, 2_000)}`)
  }
  if (!validate && answer.status !== 204) expect(answer.body).not.toBe('')
  return answer.status
}

test('is an OpenAPI document, and every answer is as it says', { timeout: 60_000 }, async () => {
  expect(document).toMatchObject({ openapi: '3.1.0', servers: [{ url: '/api/v1' }] })
  await node.become('booted')
  await node.tell()
  await node.say('boot', {
    ...{ version: 1, agentVersion: '0', mode: 'network', virtual: false, kernelUptimeMs: 1, totalMs: 2 },
    ...{ swapBytes: 0, zswap: false, persist: true, problems: [], commandLine: '', steps: [] },
  })
  await node.say('log', { at: 1, level: 'info', message: 'm' })
  const boots = async () => (await server.api('GET', 'nodes/rpi1/boots')).json<{ report?: object }[]>()
  await expect.poll(boots).toMatchObject([{ report: { totalMs: 2 } }])

  const one = '/nodes/{name}'
  const nodes = { nodes: 'rpi1' }
  const statuses = [
    await ask('GET', '/status', '/status'),
    await ask('GET', '/dashboard', '/dashboard'),
    await ask('GET', '/nodes', '/nodes?with=telemetry&limit=1'),
    await ask('GET', one, '/nodes/rpi1'),
    await ask('GET', `${one}/history`, '/nodes/rpi1/history'),
    await ask('GET', `${one}/boots`, '/nodes/rpi1/boots'),
    await ask('GET', `${one}/logs`, '/nodes/rpi1/logs'),
    await ask('GET', `${one}/console`, '/nodes/nobody/console'),
    await ask('PATCH', '/nodes', '/nodes', { ...nodes, settings: { swap: '1G' } }),
    await ask('POST', '/nodes', '/nodes', { name: 'rpi2', mac: '02:00:00:00:00:02', image: 'debian12' }),
    await ask('POST', '/nodes', '/nodes', { name: 'Rpi 2' }),
    await ask('POST', '/nodes/wait', '/nodes/wait', { ...nodes, timeoutSeconds: 0 }),
    await ask('POST', '/nodes/command', '/nodes/command', { ...nodes, command: 'ping' }),
    await ask('POST', '/nodes/reboot', '/nodes/reboot', nodes),
    await ask('POST', '/nodes/boot', '/nodes/boot', { ...nodes, image: 'debian13' }),
    await ask('DELETE', one, '/nodes/rpi2'),
    await ask('GET', '/images', '/images'),
    await ask('DELETE', '/images/{name}', '/images/debian13'),
    await ask('POST', '/devices', '/devices', { name: 'switch1', type: 'switch', address: '127.0.0.5' }),
    await ask('GET', '/devices', '/devices'),
    await ask('PATCH', '/devices/{name}', '/devices/switch1', { settings: { 'poe.reboots': 'true' } }),
    await ask('DELETE', '/devices/{name}', '/devices/switch1'),
    await ask('POST', '/logs', '/logs', { stream: 's', message: 'm' }),
    await ask('GET', '/logs', '/logs?limit=1'),
    await ask('POST', '/logs/checkpoints', '/logs/checkpoints', { name: 'c' }),
    await ask('GET', '/logs/checkpoints', '/logs/checkpoints'),
    await ask('DELETE', '/logs/checkpoints/{name}', '/logs/checkpoints/c'),
    await ask('GET', '/alerts', '/alerts'),
  ]
  const [ok, created, none, refused, unknown] = [200, 201, 204, 400, 404]
  expect(statuses).toEqual([
    ...[ok, ok, ok, ok, ok, ok, ok, unknown, ok, created, refused, ok, ok, ok, ok, none, ok, 409],
    ...[created, ok, ok, none, none, ok, created, ok, none, ok],
  ])
})

test('errors are problems, which keep their code', async () => {
  for (const path of ['nodes/nobody', 'nothing/there']) {
    const answer = await server.api('GET', path)
    const { type, status, code, detail } = answer.json<Record<string, unknown>>()
    expect(status).toBe(answer.status)
    expect(type).toBe(`urn:walt:error:${code}`)
    expect(detail).toMatch(/\.$/)
  }
})

test('lists of nodes come in pages, each naming the next', async () => {
  for (const number of [2, 3]) await server.createNode(`rpi${number}`, number)
  const names = (body: string) => (JSON.parse(body) as { name: string }[]).map(({ name }) => name)
  expect(names((await server.api('GET', 'nodes?limit=2')).body)).toEqual(['rpi1', 'rpi2'])
  expect(names((await server.api('GET', 'nodes?limit=2&cursor=rpi2')).body)).toEqual(['rpi3'])
})
