/** The command line as a process, against a real HTTP server. */
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { NodeView, ServerStatus } from '../http/api-schema.ts'
import { ended, type SmallApi, startSmallApi, startWalt, walt } from './small-api.ts'

const node: NodeView = {
  name: 'vnode1',
  mac: '52:54:00:00:00:01',
  model: 'pc-x86-64',
  virtual: true,
  address: '192.168.152.10',
  image: 'debian12',
  createdAt: 0,
  settings: { given: {}, effective: { ram: '512M', swap: '16G' } },
  state: 'booted',
  since: Date.now(),
  bootTries: 0,
}
const status: ServerStatus = {
  version: '0.1.0',
  startedAt: Date.now(),
  state: '/state',
  network: { address: '192.168.152.1', prefix: 24, bridge: 'walt0' },
  sshKey: '/state/ssh/id_ed25519',
  nodes: { total: 2, booted: 1, booting: 1, rebooting: 0, down: 0 },
  broker: { port: 1883, connections: 2, refused: 0 },
  swap: {
    port: 10809,
    pid: 4711,
    restarts: 0,
    connections: 2,
    usedBytes: 0,
    quotaBytes: 1024 ** 3,
    nodes: [],
  },
  nfs: { server: 'ganesha', state: 'running' },
  vnodes: { engine: 'uml', running: 2 },
  images: 1,
}
const results = (...outcomes: object[]) => [{ body: { results: outcomes } }]

let api: SmallApi
let local: Record<string, string>
beforeAll(async () => {
  api = await startSmallApi()
  local = { WALT_SOCKET: api.socket }
})
afterAll(() => api.stop())
beforeEach(() => {
  for (const name of Object.keys(api.answers)) delete api.answers[name]
  api.asked.length = 0
})

describe('answers', () => {
  test('walt server status and walt node show', async () => {
    api.answers['GET status'] = [{ body: status }]
    api.answers['GET nodes'] = [{ body: [node] }]
    const shown = await walt(['server', 'status'], local)
    expect(shown).toMatchObject({ status: 0, err: '' })
    expect(shown.out).toMatch(/^nodes\s+2 in all, 1 booted, 1 booting$/m)
    const table = await walt(['node', 'show'], local)
    expect(table.out).toMatch(/^vnode1 +virtual +pc-x86-64 +debian12 +192.168.152.10 +booted/m)
  })

  test('--json may stand anywhere and gives what the server said', async () => {
    api.answers['GET nodes?set=vnode%5B1-2%5D'] = [{ body: [node] }]
    const run = await walt(['node', '--json', 'show', 'vnode[1-2]'], local)
    expect(JSON.parse(run.out)).toEqual([node])
  })

  test('walt node show NODE tells all about it, with the steps of its boot', async () => {
    const bootReport = {
      version: 1,
      agentVersion: '0.1.0',
      mode: 'network',
      virtual: true,
      kernelUptimeMs: 1_600,
      totalMs: 900,
      swapBytes: 0,
      zswap: false,
      persist: true,
      steps: [{ name: 'swap', startedMs: 1, tookMs: 12, outcome: 'failed', note: 'nobody listens' }],
      problems: ['no swap: nobody listens'],
      commandLine: '',
    }
    api.answers['GET nodes/vnode1'] = [{ body: { ...node, history: [], bootReport } }]
    const { out } = await walt(['node', 'show', 'vnode1'], local)
    expect(out).toMatch(/^swap +failed +12 ms +nobody listens$/m)
    expect(out).toMatch(/^Problem: no swap: nobody listens$/m)
  })

  test('walt node config changes settings', async () => {
    api.answers['PATCH nodes'] = [{ body: [node] }]
    const run = await walt(['node', 'config', 'vnode1', 'ram=1G'], local)
    expect(run).toEqual({ status: 0, out: 'Done. Reboot node(s) to see new settings in effect.\n', err: '' })
    expect(api.asked[0]?.body).toEqual({ nodes: 'vnode1', settings: { ram: '1G' } })
  })

  test('walt node create and remove', async () => {
    api.answers['POST nodes'] = [{ status: 201, body: node }]
    api.answers['DELETE nodes/vnode1'] = [{ status: 204, body: undefined }]
    const made = await walt(['node', 'create', 'vnode1', '--image', 'debian12', '--set', 'ram=1G'], local)
    expect(made.out).toMatch(/^vnode1: created, with image debian12 and address 192.168.152.10/)
    expect(api.asked[0]?.body).toEqual({ name: 'vnode1', image: 'debian12', settings: { ram: '1G' } })
    expect(await walt(['node', 'remove', 'vnode1'], local)).toMatchObject({
      status: 0,
      out: 'vnode1: removed.\n',
    })
  })

  test('walt node reboot: what failed goes to standard error and makes the status 1', async () => {
    api.answers['POST nodes/reboot'] = results(
      { node: 'vnode1', ok: true, method: 'soft', message: 'vnode1: rebooted OK.' },
      { node: 'vnode2', ok: true, method: 'hard', message: 'vnode2: rebooted OK.' },
      { node: 'rpi1', ok: false, message: 'rpi1: failed soft-reboot (no answer) and hard-reboot (no power)' },
    )
    const run = await walt(['node', 'reboot', 'all-nodes', '--hard'], local)
    expect(run).toEqual({
      status: 1,
      out: 'vnode1,vnode2: rebooted OK.\n',
      err: 'rpi1: failed soft-reboot (no answer) and hard-reboot (no power)\n',
    })
    expect(api.asked[0]?.body).toMatchObject({ nodes: 'all-nodes', hard: true })
  })

  test('walt node wait asks again until all are booted', async () => {
    api.answers['POST nodes/wait'] = [
      ...results({ node: 'vnode1', state: 'booting', ok: false }),
      ...results({ node: 'vnode1', state: 'booted', ok: true }),
    ]
    expect(await walt(['node', 'wait', 'vnode1'], local)).toEqual({
      status: 0,
      out: 'vnode1: booted.\n',
      err: '',
    })
    expect(api.asked).toHaveLength(2)
  })

  test('walt node wait ends at its time, and at once for a lost node', async () => {
    api.answers['POST nodes/wait'] = results({ node: 'vnode1', state: 'booting', ok: false })
    const late = await walt(['node', 'wait', 'vnode1', '--timeout', '0'], local)
    expect(late).toMatchObject({ status: 1, err: 'vnode1: not booted yet, its state is "booting".\n' })
    api.answers['POST nodes/wait'] = results({ node: 'vnode1', state: 'lost', ok: false })
    expect((await walt(['node', 'wait', 'vnode1'], local)).status).toBe(1)
  })

  test('walt node dmesg shows control characters of a node, does not obey them', async () => {
    const output = 'Linux\n\u001b[31mred\n'
    api.answers['POST nodes/command'] = results({ node: 'vnode1', ok: true, message: 'OK', output })
    expect((await walt(['node', 'dmesg', 'vnode1'], local)).out).toBe('Linux\n\\x1b[31mred\n')
  })
})

describe('streams', () => {
  test('walt image build shows the progress as it comes', async () => {
    const done = { name: 'é12', models: ['pc-x86-64'], sizeBytes: 1024 ** 2, usedBy: [] }
    api.answers['POST images'] = [
      (response) => {
        response.write('{"progress":"1/2 mmdebs')
        response.write('trap"}\n{"progress":"2/2 bake"}\n')
        response.end(JSON.stringify({ done }))
      },
    ]
    const run = await walt(['image', 'build', 'debian12', '--include', 'vim,git'], local)
    expect(run.out).toMatch(/^1\/2 mmdebstrap\n2\/2 bake\ndebian12: built in .*, 1.0 MiB.\n$/)
    expect(api.asked[0]?.body).toEqual({ name: 'debian12', packages: ['vim', 'git'] })
  })

  test('a build that fails, or breaks off, is a failure', async () => {
    const error = { code: 'image-build-failed', message: 'mmdebstrap ended with status 1.' }
    api.answers['POST images'] = [
      (response) => response.end(`{"progress":"a"}\n${JSON.stringify({ error })}\n`),
    ]
    expect(await walt(['image', 'build', 'x'], local)).toEqual({
      status: 1,
      out: 'a\n',
      err: `${error.message}\n`,
    })
    api.answers['POST images'] = [(response) => response.end('{"progress":"a"}\n')]
    expect(await walt(['image', 'build', 'x'], local)).toMatchObject({
      status: 1,
      err: expect.stringMatching(/./),
    })
  })

  test('walt node console --follow ends cleanly at Ctrl-C', async () => {
    api.answers['GET nodes/vnode1/console?follow=1'] = [
      (response) => void response.write('Linux version 6.1\n'),
    ]
    const child = startWalt(['node', 'console', 'vnode1', '--follow'], local)
    child.stdout?.once('data', () => child.kill('SIGINT'))
    expect(await ended(child)).toEqual({ status: 130, out: 'Linux version 6.1\n', err: '' })
  })

  test('a reader that goes away ends walt quietly', async () => {
    const flood = (response: ServerResponse) => {
      const more = () =>
        void (response.write('x'.repeat(65_536)) ? setImmediate(more) : response.once('drain', more))
      more()
    }
    api.answers['GET nodes/vnode1/console?follow=0'] = [flood]
    const child = startWalt(['node', 'console', 'vnode1'], local)
    child.stdout?.once('data', () => child.stdout?.destroy())
    let told = ''
    child.stderr?.on('data', (chunk) => {
      told += chunk
    })
    expect([...(await once(child, 'exit')), told]).toEqual([141, null, ''])
  })

  test('walt node blink switches off what it switched on, even at Ctrl-C', async () => {
    api.answers['POST nodes/command'] = results({ node: 'vnode1', ok: true, message: 'vnode1: OK' })
    const child = startWalt(['node', 'blink', 'vnode1'], local)
    child.stderr?.once('data', () => child.kill('SIGINT'))
    expect((await ended(child)).status).toBe(130)
    expect(api.asked.map((one) => one.body)).toEqual([
      { nodes: 'vnode1', command: 'blink', on: true },
      { nodes: 'vnode1', command: 'blink', on: false },
    ])
  })
})

describe('walt node shell', () => {
  // A program that stands where ssh does and says how it was called: nodes are for the whole-system tests.
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'walt-ssh-'))
    writeFileSync(join(folder, 'ssh'), '#!/bin/sh\necho "ssh $*"\nexit 7\n')
    chmodSync(join(folder, 'ssh'), 0o755)
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  beforeEach(() => {
    api.answers['GET status'] = [{ body: status }]
    api.answers['GET nodes/vnode1'] = [{ body: node }]
    api.answers['POST nodes/wait'] = results({ node: 'vnode1', state: 'booted', ok: true })
  })

  test('prints the caution, then opens ssh with the key of the server', async () => {
    const run = await walt(['node', 'shell', 'vnode1'], { ...local, PATH: `${folder}:${process.env.PATH}` })
    const [caution, ssh] = run.out.split('\n')
    expect(caution).toBe(
      "Caution: changes outside /persist will be lost on next node reboot. Run 'walt help show shells' for more info.",
    )
    expect(ssh).toMatch(/^ssh -i \/state\/ssh\/id_ed25519 .*StrictHostKeyChecking=no.* root@192.168.152.10$/)
  })

  test('runs a command, with its options, and exits as it does', async () => {
    const words = ['node', 'shell', 'vnode1', '--', 'free', '--json', '-h']
    const run = await walt(words, { ...local, PATH: `${folder}:${process.env.PATH}` })
    expect(run.status).toBe(7)
    expect(run.out).toMatch(/^ssh .* root@192.168.152.10 -- free --json -h\n$/)
  })

  test('says what to install where there is no ssh', async () => {
    const run = await walt(['node', 'shell', 'vnode1', '--', 'true'], {
      ...local,
      PATH: join(folder, 'none'),
    })
    expect(run).toMatchObject({ status: 1, err: expect.stringMatching(/ssh.*openssh-client/) })
  })

  test('does not open a shell on a node that is not booted in time', async () => {
    api.answers['POST nodes/wait'] = results({ node: 'vnode1', state: 'booting', ok: false })
    const run = await walt(['node', 'shell', 'vnode1', '--timeout', '0'], local)
    expect(run).toMatchObject({ status: 1, err: 'vnode1: not booted yet, its state is "booting".\n' })
  })
})

describe('what goes wrong', () => {
  test('no server: status 3, and what to do', async () => {
    const run = await walt(['node', 'show', '--socket', '/nonexistent/api.sock'])
    expect(run).toMatchObject({ status: 3, out: '' })
    expect(run.err).toMatch(
      /Cannot reach the server at \/nonexistent\/api.sock: there is no such socket.*--socket/,
    )
  })

  test('a refusal keeps the words of the server', async () => {
    const refusal = { code: 'image-unknown', message: 'No image is named "x".' }
    const { code, message: detail } = refusal
    api.answers['POST nodes/boot'] = [{ status: 404, body: { code, detail } }]
    const run = await walt(['node', 'boot', 'vnode1', 'x'], local)
    expect(run).toEqual({ status: 1, out: '', err: `${refusal.message}\n` })
    const json = await walt(['node', 'boot', 'vnode1', 'x', '--json'], local)
    expect(JSON.parse(json.err)).toEqual({ error: refusal })
  })

  test.each([
    [['bogus']],
    [['node', 'boot', 'vnode1']],
    [['node', 'reboot', 'vnode1', '--hrad']],
    [['node', 'wait', 'vnode1', '--timeout', 'soon']],
    [['node', 'config', 'vnode1', 'ram']],
    [['help', 'show', 'bogus']],
    [[]],
  ])('%j is wrong usage', async (words) => {
    const run = await walt(words, local)
    expect(run).toMatchObject({ status: 2, out: '' })
    expect(run.err).not.toMatch(/^\s+at /m)
    expect(api.asked).toEqual([])
  })

  test.each([
    ['not JSON', (response: ServerResponse) => response.end('<html>')],
    ['another form', { body: { unexpected: true } }],
    ['no body', { status: 500, body: undefined }],
    [
      'half an answer',
      (response: ServerResponse) => {
        response.write('[')
        setImmediate(() => response.destroy())
      },
    ],
  ])('%s from the server is told without a stack trace', async (_, answer) => {
    api.answers['GET nodes'] = [answer]
    const run = await walt(['node', 'show'], local)
    expect(run.status).toBeGreaterThan(0)
    expect(run.err).toContain(api.socket)
    expect(run.err).not.toMatch(/^\s+at /m)
  })

  test('over TCP the token goes along, and a refusal tells where it is found', async () => {
    const url = await api.listenOnTcp()
    api.answers['GET nodes'] = [
      { status: 401, body: { code: 'token-invalid', detail: 'A token is needed.' } },
    ]
    const run = await walt(['node', 'show', '--server', url], { WALT_TOKEN: 'secret' })
    expect(run).toMatchObject({ status: 1, err: expect.stringMatching(/A token is needed\. Set WALT_TOKEN/) })
    expect(api.asked[0]?.authorization).toBe('Bearer secret')
  })
})
