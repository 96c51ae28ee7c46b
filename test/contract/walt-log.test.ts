/** `walt log`, `walt events`, `walt top` and `walt alerts` as processes, on a real server with nodes that speak MQTT. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ended, startWalt, walt } from '../../server/src/cli/small-api.ts'
import { playNode } from '../support/loopback-nodes.ts'
import { type LoopbackServer, startLoopbackServer } from '../support/loopback-server.ts'
import type { SimulatedNode } from '../support/simulated-node.ts'

let server: LoopbackServer
let nodes: SimulatedNode[]
const local = () => ({ WALT_SOCKET: server.config.http.socket })
const run = (...words: string[]) => walt(words, local())
const lines = (...messages: string[]) => ({
  stream: 'app',
  lines: messages.map((message) => ({ at: Date.now(), message })),
})
const texts = (out: string) => out.split('\n').map((line) => line.replace(/^.* -> /, ''))

/** A walt that goes on, and what it printed so far. */
function follow(...words: string[]) {
  const child = startWalt(words, local())
  let out = ''
  child.stdout?.on('data', (chunk) => {
    out += chunk
  })
  return { child, out: () => out }
}

beforeEach(async () => {
  server = await startLoopbackServer()
  nodes = [await playNode(server, 'rpi1', 1), await playNode(server, 'rpi2', 2)]
})
afterEach(async () => {
  for (const node of nodes) node.lose()
  await server.end()
})

test('show prints what matches; checkpoints bound it', async () => {
  expect(await run('log', 'echo', 'mine', 'before', 'all')).toMatchObject({ status: 0, err: '' })
  expect((await run('log', 'add-checkpoint', 'start')).out).toMatch(/^start: checkpoint at /)
  await nodes[0]?.say('lines', lines('alpha', 'beta'))
  await nodes[1]?.say('lines', lines('alpha of the other'))
  await run('log', 'echo', 'mine', 'after')
  const all = await run('log', 'show', '--streams', '^(mine|app)$')
  expect(texts(all.out).slice(0, -1)).toEqual(['before all', 'alpha', 'beta', 'alpha of the other', 'after'])
  expect(all.out).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} server\.mine -> before all\n/)
  expect(texts((await run('log', 'show', '--issuers', 'rpi1', '^alp')).out)).toEqual(['alpha', ''])
  expect(texts((await run('log', 'show', '--history', 'start:', '--streams', 'mine')).out)).toEqual([
    'after',
    '',
  ])
  const json = await run('log', 'show', '--json', '--streams', 'mine', '--history', ':start')
  expect(JSON.parse(json.out)).toMatchObject({ issuer: 'server', stream: 'mine', message: 'before all' })
  expect(await run('log', 'show', 'nothing like it')).toMatchObject({
    status: 0,
    out: '',
    err: expect.stringContaining('No line'),
  })
  expect((await run('log', 'remove-checkpoint', 'start')).status).toBe(0)
  expect(await run('log', 'show', '--history', 'start:')).toMatchObject({ status: 2 })
})

test('wait ends with the line that was waited for, with one of each node, or when the time is over', async () => {
  const any = follow('log', 'wait', 'ready$', '--issuers', 'all-nodes')
  const all = follow('log', 'wait', 'ready$', '--mode', 'ALL', '--issuers', 'rpi1,rpi2')
  const ends = [ended(any.child), ended(all.child)]
  // They are told from the moment when they listen, so that is waited for by saying it again.
  const say = setInterval(() => void nodes[0]?.say('lines', lines('not yet', 'ready')), 100)
  const first = await ends[0]
  expect(first).toMatchObject({ status: 0, err: '' })
  expect(texts(first?.out ?? '')).toEqual(['ready', ''])
  expect(all.child.exitCode).toBeNull()
  await expect.poll(all.out).toContain('rpi1.app')
  clearInterval(say)
  await nodes[1]?.say('lines', lines('ready'))
  const second = await ends[1]
  expect(second?.status).toBe(0)
  expect(second?.out.match(/rpi[12]\.app/g)).toEqual(['rpi1.app', 'rpi2.app'])
  const late = await run('log', 'wait', 'never', '--timeout', '0.3')
  expect(late).toMatchObject({ status: 1, out: '' })
  expect(late.err).toContain('No such line came within 0.3 s.')
})

test('tail goes on over a restart of the server, and misses nothing', async () => {
  const tail = follow('log', 'tail', '--streams', 'mine')
  await run('log', 'echo', 'mine', 'one')
  await expect.poll(tail.out).toContain('-> one\n')
  await server.stop()
  await server.start()
  await run('log', 'echo', 'mine', 'two')
  await expect.poll(tail.out).toContain('-> two\n')
  tail.child.kill('SIGINT')
  expect(await ended(tail.child)).toMatchObject({ status: 130 })
  expect(texts(tail.out())).toEqual(['one', 'two', ''])
})

test('events, alerts and top tell of nodes', async () => {
  const events = follow('events')
  const json = follow('events', '--json')
  await expect
    .poll(async () => {
      await nodes[0]?.become('booted')
      await nodes[0]?.say('state', {
        state: 'rebooting',
        bootId: nodes[0]?.bootId,
        since: 1,
        cause: 'a test',
      })
      return events.out() + json.out()
    })
    .toMatch(/ rpi1: rebooting, a test\n.*\{"event":"node",/s)
  for (const { child } of [events, json]) child.kill('SIGINT')
  await nodes[0]?.become('booted')
  await nodes[0]?.tell({ overlay: { totalBytes: 100, usedBytes: 99, inodes: 10, inodesUsed: 1 } })
  await expect
    .poll(async () => (await run('alerts')).out)
    .toMatch(/critical +rpi1: the writable layer is 99 % full/)
  const top = await run('top', '--once', '--sort', 'state')
  expect(top).toMatchObject({ status: 0, err: '' })
  expect(top.out).toMatch(/^2 nodes: /)
  expect(top.out).toMatch(/\nrpi1 +booted .* 60% of 500\.0 MiB /)
  expect(JSON.parse((await run('top', '--json', 'rpi1')).out)).toMatchObject([
    { name: 'rpi1', telemetry: {} },
  ])
  expect(await run('top')).toMatchObject({ status: 2, err: expect.stringContaining('--once') })
})
