import { Readable } from 'node:stream'
import { limits } from '@walt/shared/limits'
import type { NodeLog } from '@walt/shared/payloads'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import * as v from 'valibot'
import type { Fleet, FleetNode } from '../fleet/fleet.ts'
import type { NodeLifecycle } from '../fleet/node-lifecycle.ts'
import type { NodeRequests } from '../fleet/node-requests.ts'
import type { Orchestrator } from '../fleet/orchestrator.ts'
import { waitForNodes } from '../fleet/wait-for-nodes.ts'
import type { TelemetryHistory } from '../history/telemetry-history.ts'
import type { Logbook } from '../logbook/logbook.ts'
import { mapAtMost } from '../map-at-most.ts'
import * as api from './api-schema.ts'
import { readConsole } from './console-stream.ts'
import { checked } from './http-errors.ts'
import { type NodeCommander, runCommand } from './node-command.ts'
import { viewOfNode } from './node-view.ts'
import { nextLink, pageOf } from './page.ts'

const nodeParams = v.object({ name: v.string() })

export function addNodeRoutes(
  app: FastifyInstance,
  parts: {
    fleet: Fleet
    lifecycle: NodeLifecycle
    orchestrator: Orchestrator
    commander: NodeCommander
    requests: NodeRequests
    history: Pick<TelemetryHistory, 'latest'>
    logbook: Pick<Logbook, 'query'>
    consolePathOf: (node: string) => string
    signalOf: (request: FastifyRequest) => AbortSignal
    takeStream: (signal: AbortSignal) => void
  },
): void {
  const {
    fleet,
    lifecycle,
    orchestrator,
    commander,
    requests,
    history,
    logbook,
    consolePathOf,
    signalOf,
    takeStream,
  } = parts
  const viewOf = (name: string) => viewOfNode(fleet.get(name))

  app.get('/nodes', async (request, reply): Promise<api.NodeListEntry[]> => {
    const { set, with: added, cursor, limit } = checked(api.nodesQuery, request.query)
    let nodes = set === undefined ? fleet.list() : fleet.resolve(set).map(fleet.get)
    if (limit !== undefined || cursor !== undefined) {
      const wanted = { cursor, limit: limit ?? limits.apiPageMax }
      const { page, next } = pageOf(nodes, (node) => node.record.name, wanted)
      nodes = page
      if (next !== undefined) reply.header('link', nextLink(request.url, next))
    }
    if (added === undefined) return nodes.map(viewOfNode)
    return nodes.map((node) => {
      const telemetry = history.latest(node.record.name)
      return { ...viewOfNode(node), ...(telemetry ? { telemetry } : {}) }
    })
  })

  async function agentLog(name: string): Promise<NodeLog[]> {
    const wanted = { issuers: [name], streams: ['agent'], limit: limits.nodeLogsMax, newest: true }
    const lines = await logbook.query(wanted)
    return lines.map(({ at, level, message }) => ({ at, level, message }))
  }

  async function lastWarnings(name: string): Promise<NodeLog[]> {
    const warnings = (await agentLog(name)).filter(({ level }) => level !== 'info')
    return warnings.slice(-limits.nodeWarningsShownMax)
  }

  app.get('/nodes/:name', async (request): Promise<api.NodeDetails> => {
    const { name } = checked(nodeParams, request.params)
    const { history: states, latest } = await fleet.details(name)
    const { boot, inventory } = latest
    const telemetry = history.latest(name)
    return {
      ...viewOf(name),
      history: states,
      warnings: await lastWarnings(name),
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
    const { nodes, hard = false, ifChanged = false, userspace = false, requestedBy = 'walt' } = wanted
    const names = fleet.resolve(nodes)
    return { results: await orchestrator.reboot({ names, hard, ifChanged, userspace, requestedBy }) }
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
    const ask = (node: FleetNode) => runCommand(node.record, wanted, commander, signal)
    return { results: await mapAtMost(limits.nodesAskedAtOnceMax, nodes, ask) }
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

  app.get('/nodes/:name/logs', async (request): Promise<NodeLog[]> => {
    const { name } = checked(nodeParams, request.params)
    fleet.get(name)
    return agentLog(name)
  })
}
