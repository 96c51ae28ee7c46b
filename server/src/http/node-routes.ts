import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import * as v from 'valibot'
import type { Fleet } from '../fleet/fleet.ts'
import type { NodeLifecycle } from '../fleet/node-lifecycle.ts'
import type { NodeRequests } from '../fleet/node-requests.ts'
import type { Orchestrator } from '../fleet/orchestrator.ts'
import { waitForNodes } from '../fleet/wait-for-nodes.ts'
import * as api from './api-schema.ts'
import { readConsole } from './console-stream.ts'
import { checked } from './http-errors.ts'
import { type NodeCommander, runCommand } from './node-command.ts'
import { viewOfNode } from './node-view.ts'

const nodeParams = v.object({ name: v.string() })
const listQuery = v.object({ set: v.optional(v.string()) })

export function addNodeRoutes(
  app: FastifyInstance,
  parts: {
    fleet: Fleet
    lifecycle: NodeLifecycle
    orchestrator: Orchestrator
    commander: NodeCommander
    requests: NodeRequests
    consolePathOf: (node: string) => string
    signalOf: (request: FastifyRequest) => AbortSignal
    takeStream: (signal: AbortSignal) => void
  },
): void {
  const { fleet, lifecycle, orchestrator, commander, requests, consolePathOf, signalOf, takeStream } = parts
  const viewOf = (name: string) => viewOfNode(fleet.get(name))

  app.get('/nodes', async (request): Promise<api.NodeView[]> => {
    const { set } = checked(listQuery, request.query)
    return set === undefined ? fleet.list().map(viewOfNode) : fleet.resolve(set).map(viewOf)
  })

  app.get('/nodes/:name', async (request): Promise<api.NodeDetails> => {
    const { name } = checked(nodeParams, request.params)
    const { history, latest } = await fleet.details(name)
    const { boot, telemetry, inventory } = latest
    return {
      ...viewOf(name),
      history,
      ...(boot ? { bootReport: boot } : {}),
      ...(telemetry ? { telemetry } : {}),
      ...(inventory ? { inventory } : {}),
    }
  })

  app.post('/nodes', async (request, reply): Promise<api.NodeView> => {
    const node = await lifecycle.create(checked(api.createNodeRequest, request.body))
    reply.status(201)
    return viewOfNode(node)
  })

  app.delete('/nodes/:name', async (request, reply) => {
    await lifecycle.remove(checked(nodeParams, request.params).name)
    return reply.status(204).send()
  })

  app.patch('/nodes', async (request): Promise<api.NodeView[]> => {
    const { nodes, settings } = checked(api.configureNodesRequest, request.body)
    const names = fleet.resolve(nodes)
    await fleet.setSettings(names, settings)
    return names.map(viewOf)
  })

  app.post('/nodes/reboot', async (request) => {
    const wanted = checked(api.rebootNodesRequest, request.body)
    const { nodes, hard = false, ifChanged = false, requestedBy = 'walt' } = wanted
    const names = fleet.resolve(nodes)
    return { results: await orchestrator.reboot({ names, hard, ifChanged, requestedBy }) }
  })

  app.post('/nodes/boot', async (request) => {
    const { nodes, image, requestedBy = 'walt' } = checked(api.bootNodesRequest, request.body)
    return { results: await lifecycle.boot({ names: fleet.resolve(nodes), image, requestedBy }) }
  })

  app.post('/nodes/wait', async (request) => {
    const { nodes, timeoutSeconds = 60 } = checked(api.waitNodesRequest, request.body)
    const names = fleet.resolve(nodes)
    return { results: await waitForNodes(fleet, names, timeoutSeconds * 1000, signalOf(request)) }
  })

  app.post('/nodes/command', async (request) => {
    const wanted = checked(api.commandNodesRequest, request.body)
    const nodes = fleet.resolve(wanted.nodes).map(fleet.get)
    const signal = signalOf(request)
    return {
      results: await Promise.all(nodes.map((node) => runCommand(node.record, wanted, commander, signal))),
    }
  })

  app.get('/nodes/:name/console', async (request, reply) => {
    const { name } = checked(nodeParams, request.params)
    const { follow = '0', bytes } = checked(api.consoleQuery, request.query)
    fleet.get(name)
    const signal = signalOf(request)
    if (follow === '1') takeStream(signal)
    const text = readConsole(consolePathOf(name), { follow: follow === '1', bytes, signal })
    return reply.type('text/plain; charset=utf-8').send(Readable.from(text, { objectMode: false }))
  })

  app.get('/nodes/:name/changes', async (request) => {
    const { name } = checked(nodeParams, request.params)
    fleet.get(name)
    return requests.changesOf(name)
  })

  app.get('/nodes/:name/logs', async (request) => fleet.logs(checked(nodeParams, request.params).name))
}
