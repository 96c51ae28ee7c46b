/**
 * `npm run bench:fleet -- --nodes N [--seed S] [--window SECONDS] [--only]`: fleets of 100, 1,000 and N nodes (or N alone) on one walt-server,
 * on loopback, the load generator on the same machine. Nodes speak the real protocol (fleet-generator.ts); the same load on
 * mosquitto alone stands beside it, as the ceiling. Port 12346 must be free on all of loopback.
 */
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { nodeTopics } from '@walt/shared/mqtt-topics'
import type { NodeView, RebootResult } from '../../server/src/http/api-schema.ts'
import { eventually } from '../support/eventually.ts'
import { connectMqtt } from '../support/mqtt-connection.ts'
import { macOf, type NodeIdentity } from '../support/simulated-node.ts'
import { type Generator, type NodeFigures, randomOf, startGenerator } from './fleet-orders.ts'
import {
  cpuSecondsOf,
  type MeasuredServer,
  mosquittoProgram,
  prepareMosquitto,
  prepareWaltServer,
  type WaltServer,
} from './fleet-server.ts'
import { median } from './median.ts'

const settleMs = 300_000
/** Commands of one measure, and how many are given in a second. */
const commands = { count: 500, perSecond: 100 }
const registeredAtOnce = 16

type Options = { seed: number; windowMs: number }
type Steady = {
  cores: number
  generatorCores: number
  residentMB: number
  childrenMB: number
  p50Ms: number
  p99Ms: number
}
type Measures = Steady & {
  registerS: number
  bootS: number
  listMs: number
  rebootS: number
  backS: number
  restartS: number
}

/** What is wanted of 10,000 nodes on two cores, the generator included. */
const wanted: Partial<Record<keyof Measures, number>> = {
  cores: 1,
  residentMB: 500,
  p99Ms: 250,
  rebootS: 10,
  listMs: 200,
  restartS: 30,
}

const rows: Record<keyof Measures, string> = {
  registerS: 'all registered by the API, s',
  bootS: 'all booted, s',
  cores: 'server, steady, cores',
  generatorCores: 'generator, steady, cores',
  residentMB: 'server, resident, MB',
  childrenMB: 'its swap server, resident, MB',
  p50Ms: 'command to acknowledgement p50, ms',
  p99Ms: 'command to acknowledgement p99, ms',
  listMs: 'API list of all nodes, ms',
  rebootS: 'reboot all-nodes acknowledged, s',
  backS: 'all booted again after that, s',
  restartS: 'killed and started: all states right, s',
}

export async function fleetBench(args: readonly string[]): Promise<void> {
  // So that the servers end too.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const { values } = parseArgs({
    args: [...args],
    options: {
      nodes: { type: 'string' },
      seed: { type: 'string' },
      window: { type: 'string' },
      only: { type: 'boolean' },
    },
  })
  const nodes = Number(values.nodes ?? 1_000)
  const options = { seed: Number(values.seed ?? 1), windowMs: Number(values.window ?? 20) * 1000 }
  const sizes = [...new Set(values.only ? [nodes] : [100, 1_000, nodes])]
    .filter((size) => size <= nodes)
    .toSorted((a, b) => a - b)
  console.log(`fleets of ${sizes.join(', ')} nodes, seed ${options.seed}, telemetry every 10 s`)
  const results: [number, Measures, Steady | undefined][] = []
  for (const size of sizes)
    results.push([size, await measureWalt(size, options), await measureBroker(size, options)])
  print(results)
}

function identities(count: number): NodeIdentity[] {
  // As the server gives them: from 127.0.0.10 up.
  return Array.from({ length: count }, (_, index) => {
    const host = index + 10
    return { name: `node${index + 1}`, mac: macOf(index), address: `127.0.${host >> 8}.${host & 255}` }
  })
}

async function measureWalt(count: number, options: Options): Promise<Measures> {
  const server = await prepareWaltServer()
  const generator = startGenerator()
  try {
    await server.start()
    const nodes = identities(count)
    const registerS = await timed(() => register(server, nodes))
    const { ports } = server
    await generator.order({ type: 'start', nodes, ports, tickets: true, seed: options.seed })
    const bootS = await timed(async () => {
      await generator.order({ type: 'boot' })
      await allRight(server, generator)
    })
    const operator = { user: 'operator', password: await server.operatorPassword() }
    const steady = await measureSteady(server, generator, nodes, operator, options)
    const listMs = await measureList(server)
    let results: RebootResult[] = []
    const rebootS = await timed(async () => {
      const answer = await server.api('POST', 'nodes/reboot', { nodes: 'all-nodes' })
      results = answer.json<{ results: RebootResult[] }>().results
    })
    const unheard = results.filter((result) => !result.ok || result.method !== 'soft')
    if (results.length !== count || unheard.length > 0) {
      console.log(`NOT acknowledged: ${unheard.length} of ${count}, as ${unheard[0]?.message}`)
    }
    const backS = await timed(() => allRight(server, generator))
    const restartS = await measureRestart(server, generator, count, options)
    await sayProblems(generator)
    return { ...steady, registerS, bootS, listMs, rebootS, backS, restartS }
  } finally {
    await generator.end()
    await server.end()
  }
}

/** Of mosquitto, where it is installed: the same load, and somebody who reads all of it, as walt-server does. */
async function measureBroker(count: number, options: Options): Promise<Steady | undefined> {
  if (!existsSync(mosquittoProgram)) return undefined
  const server = await prepareMosquitto()
  const generator = startGenerator()
  try {
    await server.start()
    const { ports } = server
    const nodes = identities(count)
    await generator.order({ type: 'start', nodes, ports, tickets: false, seed: options.seed })
    await generator.order({ type: 'boot' })
    const reader = await connectMqtt({ port: ports.broker, clientId: 'reader', keepaliveSeconds: 60 })
    await reader.subscribe('walt/v1/#')
    const steady = await measureSteady(server, generator, nodes, {}, options)
    await reader.end()
    return steady
  } finally {
    await generator.end()
    await server.end()
  }
}

/** Some at a time; with the addresses that they were given. */
async function register(server: WaltServer, nodes: NodeIdentity[]): Promise<void> {
  const waiting = nodes.values()
  const one = async () => {
    for (const node of waiting) {
      const { name, mac } = node
      const created = await server.api('POST', 'nodes', { name, mac, image: 'debian12' })
      if (created.status !== 201) throw new Error(`${name}: ${created.body}`)
      node.address = created.json<NodeView>().address
    }
  }
  await Promise.all(Array.from({ length: registeredAtOnce }, one))
}

/** The processor over a while of telemetry alone, then commands in the midst of it. */
async function measureSteady(
  server: MeasuredServer,
  generator: Generator,
  nodes: readonly NodeIdentity[],
  operator: { user?: string; password?: string },
  { seed, windowMs }: Options,
): Promise<Steady> {
  await sleep(5_000)
  const began = performance.now()
  const before = { server: server.cpuSeconds(), generator: cpuSecondsOf(generator.pid) }
  await sleep(windowMs)
  const seconds = (performance.now() - began) / 1000
  const cores = (server.cpuSeconds() - before.server) / seconds
  const generatorCores = (cpuSecondsOf(generator.pid) - before.generator) / seconds
  const latencies = await commandLatencies(server, nodes, operator, seed)
  const at = (part: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))] ?? 0
  const { own, children } = server.residentBytes()
  const memory = { residentMB: own / 1e6, childrenMB: children / 1e6 }
  return { cores, generatorCores, ...memory, p50Ms: at(0.5), p99Ms: at(0.99) }
}

/** Sorted. Of a command by MQTT to a node drawn by chance, until the node's reply has come back. */
async function commandLatencies(
  server: MeasuredServer,
  nodes: readonly NodeIdentity[],
  operator: { user?: string; password?: string },
  seed: number,
): Promise<number[]> {
  const sent = new Map<string, number>()
  const latencies: number[] = []
  const connection = await connectMqtt({
    port: server.ports.broker,
    ...operator,
    clientId: 'bench',
    keepaliveSeconds: 60,
    onMessage(topic) {
      const id = topic.slice(topic.lastIndexOf('/') + 1)
      const at = sent.get(id)
      if (at !== undefined) latencies.push(performance.now() - at)
      sent.delete(id)
    },
  })
  await connection.subscribe('walt/v1/nodes/+/reply/+')
  const random = randomOf(seed)
  for (let count = 0; count < commands.count; count++) {
    const node = nodes[Math.floor(random() * nodes.length)]
    if (!node) continue
    const id = `bench-${count}`
    sent.set(id, performance.now())
    const command = { command: 'ping', bootId: '0'.repeat(16), deadline: Date.now() + 10_000 }
    await connection.publish(nodeTopics(node.name).command(id), JSON.stringify(command))
    await sleep(1000 / commands.perSecond)
  }
  await eventually('all commands are acknowledged', 30_000, () => latencies.length === commands.count, 20)
  await connection.end()
  return latencies.toSorted((one, other) => one - other)
}

async function measureList(server: WaltServer): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < 5; round++) times.push((await timed(() => server.api('GET', 'nodes'))) * 1000)
  return median(times)
}

/** While the server is away, one node in a hundred loses its power and boots anew as soon as it can. */
async function measureRestart(
  server: WaltServer,
  generator: Generator,
  count: number,
  { seed }: Options,
): Promise<number> {
  const random = randomOf(seed + count)
  const indexes = Array.from({ length: Math.ceil(count / 100) }, () => Math.floor(random() * count))
  await server.kill()
  await generator.order({ type: 'lose', indexes, again: true })
  return timed(async () => {
    await server.start()
    await allRight(server, generator)
  })
}

/** The server says of every node what the node itself would: booted, in that boot, and connected. */
async function allRight(server: WaltServer, generator: Generator): Promise<void> {
  let wrong = 0
  const attempt = async () => {
    // Cheap, so that the looking does not slow down what is looked at.
    const status = (await server.api('GET', 'status')).json<{ broker: { connections: number } }>()
    const { nodes } = await generator.order({ type: 'look' })
    const ready = nodes.filter((node) => node.state === 'booted' && node.connected).length
    wrong = nodes.length - Math.min(ready, status.broker.connections)
    if (wrong > 0) return false
    const views = (await server.api('GET', 'nodes')).json<NodeView[]>()
    const known = new Map(views.map((view) => [view.name, view]))
    const isRight = ({ name, bootId }: NodeFigures) =>
      known.get(name)?.state === 'booted' && known.get(name)?.bootId === bootId
    wrong = nodes.filter((node) => !isRight(node)).length
    return wrong === 0
  }
  await eventually('all nodes are booted', settleMs, attempt, 250).catch(async (cause) => {
    await sayProblems(generator)
    throw new Error(`${wrong} nodes are not as they should be`, { cause })
  })
}

async function sayProblems(generator: Generator): Promise<void> {
  const { problems } = await generator.order({ type: 'look' })
  for (const [problem, times] of Object.entries(problems))
    console.log(`  nodes saw ${times} times: ${problem}`)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

function print(results: readonly [number, Measures, Steady | undefined][]): void {
  const cell = (value: number | undefined) =>
    (value === undefined ? '' : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)).padStart(9)
  const line = (title: string, values: readonly string[]) =>
    console.log(`${title.padEnd(42)}${values.join('')}`)
  const sizes = results.map(([size]) => `${size}`.padStart(9))
  line('walt-server', [...sizes, 'wanted of 10,000'.padStart(18)])
  for (const [name, title] of Object.entries(rows) as [keyof Measures, string][]) {
    const most = wanted[name]
    const last = results.at(-1)?.[1][name] ?? 0
    const verdict = most === undefined ? '' : `< ${most}: ${last < most ? 'reached' : 'NOT reached'}`
    line(title, [...results.map(([, measures]) => cell(measures[name])), `   ${verdict}`])
  }
  line('mosquitto alone, the same load', sizes)
  for (const name of ['cores', 'generatorCores', 'residentMB', 'p50Ms', 'p99Ms'] as const) {
    line(
      rows[name],
      results.map(([, , steady]) => cell(steady?.[name])),
    )
  }
}
