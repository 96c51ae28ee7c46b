/** What the server tells of its fleet: history, boots, log, events, alerts, metrics, through its real API. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { alertTopic } from '@walt/shared/mqtt-topics'
import mqtt from 'mqtt'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AlertView, LogPage, NodeBoot, NodeHistory } from '../../server/src/http/api-schema.ts'
import { type EventStream, followEvents } from '../support/event-stream.ts'
import { bootRegistered, playNode } from '../support/loopback-nodes.ts'
import { type LoopbackServer, startLoopbackServer } from '../support/loopback-server.ts'
import { repositoryFolder } from '../support/repository.ts'
import { runProgram } from '../support/run-program.ts'
import type { SimulatedNode } from '../support/simulated-node.ts'
import { needTool } from '../support/tools.ts'

let server: LoopbackServer
let node: SimulatedNode
let streams: EventStream[]
const get = async <T>(path: string) => (await server.api('GET', path)).json<T>()
const follow = async (query?: string, lastId?: string) => {
  const stream = await followEvents(server.config.http.socket, query, lastId)
  streams.push(stream)
  return stream
}

beforeEach(async () => {
  streams = []
  server = await startLoopbackServer()
  node = await playNode(server, 'rpi1', 1)
})
afterEach(async () => {
  for (const stream of streams) stream.close()
  node.lose()
  await server.end()
})

describe('the history', () => {
  test('has what a node told, in columns, and of the metrics that are asked for', async () => {
    await node.become('booted')
    await node.tell()
    const path = 'nodes/rpi1/history'
    await expect.poll(async () => (await get<NodeHistory>(path)).at.length).toBe(1)
    const all = await get<NodeHistory>(path)
    expect(all).toMatchObject({
      stepMs: 10_000,
      metrics: { load: [expect.closeTo(0.5)], temperatureCelsius: [null] },
    })
    expect(Object.keys((await get<NodeHistory>(`${path}?metric=load,swapUsedBytes`)).metrics)).toEqual([
      'load',
      'swapUsedBytes',
    ])
    expect((await get<NodeHistory>(`${path}?from=${Date.now() - 20 * 86_400_000}`)).stepMs).toBe(600_000)
    for (const wrong of ['metric=laod', 'from=x', 'from=9&to=8'])
      expect((await server.api('GET', `${path}?${wrong}`)).status).toBe(400)
    expect((await server.api('GET', 'nodes/nobody/history')).status).toBe(404)
    expect(await get<object[]>('nodes?with=telemetry')).toMatchObject([
      { telemetry: { load: [0.5, 0.4, 0.3] } },
    ])
  })

  test('outlives the server', async () => {
    await node.tell()
    await expect.poll(async () => (await get<NodeHistory>('nodes/rpi1/history')).at.length).toBe(1)
    await server.stop()
    await server.start()
    expect(await get<NodeHistory>('nodes/rpi1/history?metric=load')).toMatchObject({
      metrics: { load: [expect.closeTo(0.5)] },
    })
  })

  test('of boots has the steps of each, newest first', async () => {
    const report = {
      ...{ version: 1, agentVersion: '0', mode: 'network', virtual: false, kernelUptimeMs: 1, totalMs: 2 },
      ...{ swapBytes: 0, zswap: false, persist: true, problems: [], commandLine: '' },
      steps: [{ name: 'root', startedMs: 0, tookMs: 2, outcome: 'done' }],
    }
    await node.say('boot', report)
    await node.become('booted')
    const boots = () => get<NodeBoot[]>('nodes/rpi1/boots')
    await expect
      .poll(boots)
      .toMatchObject([
        { bootId: node.bootId, image: 'debian12', bootedAt: expect.any(Number), report: { totalMs: 2 } },
      ])
    const first = node
    node = await bootRegistered(server, 'rpi1')
    await expect.poll(boots).toMatchObject([{ bootId: node.bootId }, { bootId: first.bootId }])
    expect((await boots())[0]).not.toHaveProperty('bootedAt')
    first.lose()
  })
})

describe('the log', () => {
  const messages = async (query = '') =>
    (await get<LogPage>(`logs${query}`)).lines.map((line) => line.message)

  test('has lines of nodes, of their programs and of the platform, and finds them again', async () => {
    await node.become('booted')
    await expect.poll(() => messages()).toContain('rpi1 is booted')
    await node.say('log', { at: Date.now(), level: 'warning', message: 'the clock is slow' })
    await node.say('lines', {
      stream: 'app',
      lines: [
        { at: 1000, message: 'one' },
        { at: 2000, message: 'two' },
      ],
    })
    await expect.poll(() => messages('?issuers=rpi1')).toEqual(['the clock is slow', 'one', 'two'])
    expect(await messages('?streams=app')).toEqual(['one', 'two'])
    expect(await messages('?streams=app&from=1500')).toEqual(['two'])
    expect(await messages('?issuers=all-nodes,server&streams=agent,platform')).toContain('rpi1 is booted')
    expect(await get<object[]>('nodes/rpi1/logs')).toMatchObject([{ level: 'warning' }])
    expect((await server.api('GET', 'logs?issuers=nobody')).status).toBe(404)
  })

  test('comes in pages', async () => {
    for (let count = 0; count < 5; count++)
      await server.api('POST', 'logs', { stream: 's', message: `m${count}` })
    const first = await get<LogPage>('logs?streams=s&limit=2')
    const second = await get<LogPage>(`logs?streams=s&limit=2&cursor=${first.next}`)
    const third = await get<LogPage>(`logs?streams=s&limit=2&cursor=${second.next}`)
    const all = [first, second, third].flatMap((page) => page.lines.map((line) => line.message))
    expect(all).toEqual(['m0', 'm1', 'm2', 'm3', 'm4'])
    expect(third.next).toBeUndefined()
  })

  test('has checkpoints', async () => {
    const added = await server.api('POST', 'logs/checkpoints', { name: 'before' })
    expect(added.status).toBe(201)
    expect((await server.api('POST', 'logs/checkpoints', { name: 'before' })).json()).toMatchObject({
      code: 'checkpoint-exists',
    })
    expect(await get('logs/checkpoints')).toEqual([added.json()])
    expect((await server.api('DELETE', 'logs/checkpoints/before')).status).toBe(204)
    expect((await server.api('DELETE', 'logs/checkpoints/before')).status).toBe(404)
  })

  test('bounds a node that floods it, and says so', async () => {
    const lines = Array.from({ length: 256 }, (_, count) => ({ at: 1, message: `${count}` }))
    for (let count = 0; count < 30; count++) await node.say('lines', { stream: 'flood', lines })
    await node.say('state', { state: 'booted', bootId: node.bootId, since: 1 })
    await expect.poll(() => messages('?streams=platform')).toContain('rpi1 is booted')
    const page = await get<LogPage>('logs?streams=flood&limit=5000')
    const rest = await get<LogPage>(`logs?streams=flood&limit=5000&cursor=${page.next}`)
    expect(page.lines.length + rest.lines.length).toBe(6_000)
  })
})

describe('events', () => {
  test('are numbered, and one who comes back gets what it missed', async () => {
    const first = await follow()
    await node.become('booted')
    await expect
      .poll(() => first.events)
      .toMatchObject([{ event: 'node', data: { view: { state: 'booted' } } }])
    first.close()
    await server.api('PATCH', 'nodes', { nodes: 'rpi1', settings: { swap: '1G' } })
    await server.api('POST', 'logs', { stream: 's', message: 'not asked for' })
    const second = await follow('', first.lastId())
    await expect
      .poll(() => second.events)
      .toMatchObject([{ data: { view: { settings: { given: { swap: '1G' } } } } }])
  })

  test('say "reset" to one who missed more than can be sent at once', async () => {
    const first = await follow('?kinds=log')
    first.close()
    const lines = Array.from({ length: 250 }, () => ({ at: 1, message: 'x'.repeat(900) }))
    for (let count = 0; count < 5; count++) await node.say('lines', { stream: 'flood', lines })
    await expect
      .poll(async () => (await get<LogPage>('logs?streams=flood&limit=5000')).lines.length)
      .toBe(1_250)
    const second = await follow('?kinds=log', first.lastId())
    await expect.poll(() => second.events[0]?.event).toBe('reset')
  })

  test('say "reset" to one who was away for too long, or knew another run of the server', async () => {
    const stream = await follow('?kinds=log', 'otherrun-5')
    await expect.poll(() => stream.events[0]?.event).toBe('reset')
    await server.api('POST', 'logs', { stream: 's', message: 'hello' })
    await expect
      .poll(() => stream.events.map((one) => one.data))
      .toContainEqual(expect.objectContaining({ issuer: 'server', message: 'hello' }))
    expect((await server.api('GET', 'events?kinds=x')).json()).toMatchObject({ code: 'request-invalid' })
  })
})

describe('alerts', () => {
  test('begin, become worse and are over: in the list, as events, by MQTT, and at the webhook', async () => {
    const posted: AlertView[] = []
    let failures = 1
    const hook = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        const failed = failures-- > 0
        response.writeHead(failed ? 500 : 204).end()
        if (!failed) posted.push(JSON.parse(body))
      })
    }).listen(0, '127.0.0.1')
    await once(hook, 'listening')
    const address = hook.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    await server.stop()
    server.config.alerts.webhook = `http://127.0.0.1:${address.port}/walt`
    await server.start()
    node.lose()
    node = await bootRegistered(server, 'rpi1')
    const password = (await readFile(join(server.state, 'run/operator.password'), 'utf8')).trim()
    const port = server.config.broker.port
    const operator = await mqtt.connectAsync({ host: '127.0.0.1', port, username: 'operator', password })
    const heard: string[] = []
    operator.on('message', (_topic, payload) => heard.push(JSON.parse(payload.toString()).level))
    await operator.subscribeAsync(alertTopic)
    const stream = await follow('?kinds=alert')

    const fill = (share: number) =>
      node.tell({ overlay: { totalBytes: 1000, usedBytes: 1000 * share, inodes: 100, inodesUsed: 1 } })
    const told = (count: number) => expect.poll(() => stream.events.length).toBe(count)
    await node.become('booted')
    await fill(0.82)
    await told(1)
    await fill(0.97)
    await told(2)
    await fill(0.1)
    await told(3)
    const [warning, critical, over] = stream.events.map((event) => event.data)
    expect(warning).toMatchObject({ kind: 'overlay-filling', node: 'rpi1', level: 'warning' })
    expect(critical).toMatchObject({ level: 'critical', message: expect.stringContaining('97 %') })
    expect(over).toMatchObject({ resolvedAt: expect.any(Number) })
    expect(await get<AlertView[]>('alerts')).toEqual([over])
    expect(heard).toEqual(['warning', 'critical', 'critical'])
    await expect.poll(() => posted.length).toBe(3)
    await operator.endAsync()
    hook.close()
  })

  test('tell a restart that nobody asked for, once, and not anew after a restart of the server', async () => {
    await node.become('booted')
    await expect.poll(async () => (await get<{ state: string }>('nodes/rpi1')).state).toBe('booted')
    const path = '/boot/02:00:00:00:00:01/boot.ipxe'
    expect((await server.tcp('GET', path, '127.0.0.10')).status).toBe(200)
    const alerts = () => get<AlertView[]>('alerts')
    await expect.poll(alerts).toMatchObject([{ kind: 'unexpected-restart', node: 'rpi1' }])
    const before = await alerts()
    await server.stop()
    await server.start()
    const stream = await follow('?kinds=alert,log')
    // It looks at how things stand before it answers; and tells in order.
    await server.api('POST', 'logs', { stream: 's', message: 'after' })
    await expect.poll(() => stream.events.map((one) => one.event)).toContain('log')
    expect(stream.events.filter((one) => one.event === 'alert')).toEqual([])
    expect(await alerts()).toEqual(before)
  })
})

describe('metrics', () => {
  const token = async () => (await readFile(join(server.state, 'run/api.token'), 'utf8')).trim()
  const scrape = async () => {
    const headers = { authorization: `Bearer ${await token()}` }
    return server.tcp('GET', '/metrics', '127.0.0.1', headers)
  }

  test('have nodes, server, HTTP and process, behind the token', async () => {
    expect((await server.tcp('GET', '/metrics', '127.0.0.1')).status).toBe(401)
    await node.become('booted')
    await node.tell()
    const text = async () => (await scrape()).body
    await expect.poll(text).toContain('walt_node_swap_used_bytes{node="rpi1"} 10485760')
    expect(await text()).toMatch(/walt_node_up\{node="rpi1"\} 1\n/)
    expect(await text()).toMatch(/walt_nodes\{state="booted"\} 1\n/)
    expect(await text()).toMatch(/walt_node_network_receive_bytes_total\{node="rpi1"\} 1000\n/)
    expect(await text()).toContain('walt_broker_connections 1')
    expect(await text()).toMatch(
      /walt_http_requests_total\{method="POST",route="\/api\/v1\/nodes",code="201"\} 1\n/,
    )
    expect(await text()).toContain('process_resident_memory_bytes')
    node.lose()
    await expect.poll(text).toMatch(/walt_node_up\{node="rpi1"\} 0\n/)
    expect(await text()).not.toContain('walt_node_swap_used_bytes{node="rpi1"}')
  })

  test('and the alert rules are as promtool wants them', async () => {
    if (!needTool('promtool')) return
    await node.become('booted')
    await node.tell({ temperatureCelsius: 40, zswap: { enabled: true, poolBytes: 1, storedBytes: 2 } })
    const text = (await scrape()).body
    const checked = await runProgram('promtool', ['check', 'metrics'], { input: text })
    expect(checked).toMatchObject({ status: 0 })
    const rules = join(repositoryFolder, 'server/monitoring/alert-rules.yaml')
    expect(await runProgram('promtool', ['check', 'rules', rules])).toMatchObject({ status: 0 })
    // Every metric that rules and dashboard speak of is there.
    const names = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1] ?? ''))
    const dashboard = await readFile(
      join(repositoryFolder, 'server/monitoring/grafana-dashboard.json'),
      'utf8',
    )
    for (const file of [await readFile(rules, 'utf8'), dashboard]) {
      const used = [...file.matchAll(/\bwalt_[a-z0-9_]+/g)].map(([name]) =>
        name.replace(/_(?:bucket|count|sum)$/, ''),
      )
      expect(used.length).toBeGreaterThan(5)
      expect(used.filter((name) => !names.has(name))).toEqual([])
    }
  })

  test('health is told without a token', async () => {
    expect((await server.tcp('GET', '/healthz', '127.0.0.1')).body).toBe('ok\n')
    expect((await server.tcp('GET', '/readyz', '127.0.0.1')).body).toBe('ready\n')
  })
})
