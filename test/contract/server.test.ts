/** The server's API over its real socket. */
import { once } from 'node:events'
import { readFile, readlink, stat, writeFile } from 'node:fs/promises'
import http from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type LoopbackServer, startLoopbackServer } from '../support/loopback-server.ts'

let server: LoopbackServer
const api: LoopbackServer['api'] = (...words) => server.api(...words)
const createNode: LoopbackServer['createNode'] = (...words) => server.createNode(...words)

beforeEach(async () => {
  server = await startLoopbackServer()
})
afterEach(() => server.end())

describe('the API', () => {
  test('is behind a socket of mode 0600, and over TCP behind its token', async () => {
    expect((await stat(server.config.http.socket)).mode & 0o777).toBe(0o600)
    expect((await stat(join(server.state, 'run/api.token'))).mode & 0o777).toBe(0o600)
    expect((await api('GET', 'status')).json()).toMatchObject({
      version: '0.0.0',
      state: server.state,
      images: 2,
    })
    const status = '/api/v1/status'
    expect((await server.tcp('GET', status, '127.0.0.1')).status).toBe(401)
    const wrong = { authorization: 'Bearer x' }
    expect((await server.tcp('GET', status, '127.0.0.1', wrong)).json()).toMatchObject({
      code: 'unauthorized',
    })
    const token = (await readFile(join(server.state, 'run/api.token'), 'utf8')).trim()
    const right = { authorization: `Bearer ${token}` }
    expect((await server.tcp('GET', status, '127.0.0.1', right)).status).toBe(200)
    expect((await server.tcp('GET', '/', '127.0.0.1')).json()).toMatchObject({
      name: 'walt-server',
    })
  })

  test('creates, shows, configures and removes nodes', async () => {
    const created = await createNode('rpi1', 1)
    expect(created.status).toBe(201)
    expect(created.json()).toMatchObject({
      name: 'rpi1',
      address: '127.0.0.10',
      state: 'new',
      virtual: false,
    })
    expect(await readlink(join(server.state, 'nodes/rpi1/fs'))).toBe('../../images/debian12/fs')
    expect((await createNode('rpi1', 2)).json()).toMatchObject({ code: 'node-exists' })
    expect((await createNode('rpi2', 1)).json()).toMatchObject({ code: 'mac-taken' })
    const changed = await api('PATCH', 'nodes', { nodes: 'all-nodes', settings: { swap: '1G' } })
    expect(changed.json<unknown[]>()).toMatchObject([
      { settings: { given: { swap: '1G' }, effective: { swap: '1G' } } },
    ])
    expect((await api('PATCH', 'nodes', { nodes: 'rpi1', settings: { ram: '1G' } })).status).toBe(400)
    expect((await api('GET', 'nodes/rpi1')).json()).toMatchObject({ history: [], name: 'rpi1' })
    await server.stop()
    await server.start()
    expect((await api('GET', 'nodes')).json<unknown[]>()).toMatchObject([
      { settings: { given: { swap: '1G' } } },
    ])
    expect((await api('DELETE', 'nodes/rpi1')).status).toBe(204)
    expect((await api('GET', 'nodes/rpi1')).json()).toMatchObject({ code: 'node-unknown' })
    await expect(stat(join(server.state, 'nodes/rpi1'))).rejects.toThrow(/ENOENT/)
  })

  test("keeps a removed node's /persist if there is something in it", async () => {
    await createNode('rpi1', 1)
    await writeFile(join(server.state, 'nodes/rpi1/persist/precious'), 'x')
    expect((await api('DELETE', 'nodes/rpi1')).status).toBe(204)
    expect(await readFile(join(server.state, 'nodes/rpi1/persist/precious'), 'utf8')).toBe('x')
    await createNode('rpi1', 1)
  })

  test('says what is wrong with a request, and never more than that', async () => {
    expect((await api('POST', 'nodes', { name: 'Rpi 1' })).json()).toMatchObject({ code: 'request-invalid' })
    expect((await api('POST', 'nodes', { name: 'a', mac: '02:00:00:00:00:01', nmae: 1 })).body).toContain(
      'nmae',
    )
    expect((await api('POST', 'nodes', { name: 'a', mac: '02:00:00:00:00:01', image: 'none' })).status).toBe(
      404,
    )
    expect((await api('POST', 'nodes', { name: 'v' })).json()).toMatchObject({ code: 'vnodes-off' })
    expect((await api('POST', 'nodes/reboot', { nodes: 'nobody' })).json()).toMatchObject({
      code: 'node-unknown',
    })
    expect((await api('GET', 'nothing')).json()).toMatchObject({ code: 'not-found' })
    expect((await api('POST', 'nodes', 'x'.repeat(2 ** 21))).status).toBe(413)
  })

  test('lists images, and removes none that is in use', async () => {
    await createNode('rpi1', 1)
    const images = (await api('GET', 'images')).json<{ name: string; usedBy: string[] }[]>()
    expect(images.map(({ name, usedBy }) => [name, usedBy])).toEqual([
      ['debian12', ['rpi1']],
      ['debian13', []],
    ])
    expect((await api('DELETE', 'images/debian12')).json()).toMatchObject({ code: 'image-in-use' })
    expect((await api('DELETE', 'images/debian13')).status).toBe(204)
    expect((await api('DELETE', 'images/debian13')).status).toBe(404)
  })

  test('shows the console log, and follows it', async () => {
    await createNode('rpi1', 1)
    const path = join(server.state, 'nodes/rpi1/console.log')
    expect((await api('GET', 'nodes/rpi1/console')).body).toBe('')
    await writeFile(path, 'one\ntwo\n')
    expect((await api('GET', 'nodes/rpi1/console?bytes=4')).body).toBe('two\n')
    const followed = http.get({
      socketPath: server.config.http.socket,
      path: '/api/v1/nodes/rpi1/console?follow=1',
    })
    const [answer] = (await once(followed, 'response')) as [http.IncomingMessage]
    let text = ''
    answer.on('error', () => {})
    answer.on('data', (chunk) => {
      text += chunk
    })
    await expect.poll(() => text).toBe('one\ntwo\n')
    await writeFile(path, 'three\n', { flag: 'a' })
    await expect.poll(() => text).toBe('one\ntwo\nthree\n')
    answer.destroy()
  })

  test('tells of changes as they happen', async () => {
    const events = http.get({ socketPath: server.config.http.socket, path: '/api/v1/events' })
    const [answer] = (await once(events, 'response')) as [http.IncomingMessage]
    let text = ''
    answer.on('error', () => {})
    answer.on('data', (chunk) => {
      text += chunk
    })
    await createNode('rpi1', 1)
    await expect.poll(() => text).toMatch(/event: node\ndata: \{"node":"rpi1",.*"state":"new"/)
    answer.destroy()
  })
})

describe('reboots', () => {
  test('are soft where the node acknowledges, and say why where neither way is open', async () => {
    await createNode('rpi1', 1)
    await createNode('rpi2', 2)
    await createNode('rpi3', 3)
    const requests = await server.playNode('127.0.0.10', 'OK\n')
    await server.playNode('127.0.0.11', 'KO /bin/walt-reboot is not executable on image\n')
    const { results } = (await api('POST', 'nodes/reboot', { nodes: 'rpi[1-3]', requestedBy: 'ann' })).json<{
      results: unknown[]
    }>()
    expect(results).toEqual([
      { node: 'rpi1', ok: true, method: 'soft', message: 'rpi1: rebooted OK.' },
      {
        node: 'rpi2',
        ok: false,
        message:
          'rpi2: failed soft-reboot (/bin/walt-reboot is not executable on image) and PoE-reboot (none of poe.port, ipmi.address and power.command is set)',
      },
      {
        node: 'rpi3',
        ok: false,
        message:
          'rpi3: failed soft-reboot (connection refused) and PoE-reboot (none of poe.port, ipmi.address and power.command is set)',
      },
    ])
    expect(requests).toEqual(['MODE single\nREBOOT\n'])
    const hard = await api('POST', 'nodes/reboot', { nodes: 'rpi1', hard: true })
    expect(hard.body).toContain(
      'rpi1: failed PoE-reboot (none of poe.port, ipmi.address and power.command is set)',
    )
    const { state: rebooting, cause } = (await api('GET', 'nodes/rpi1')).json()
    expect([rebooting, cause]).toEqual(['rebooting', 'asked by ann'])
  })

  test('with another image move the symlink first', async () => {
    await createNode('rpi1', 1)
    await server.playNode('127.0.0.10', 'OK\n')
    const answer = await api('POST', 'nodes/boot', { nodes: 'rpi1', image: 'debian13' })
    expect(answer.body).toContain('rpi1: rebooted OK.')
    expect(await readlink(join(server.state, 'nodes/rpi1/fs'))).toBe('../../images/debian13/fs')
    expect((await api('POST', 'nodes/boot', { nodes: 'rpi1', image: 'none' })).status).toBe(404)
  })
})

describe('the state folder', () => {
  test('takes one server at a time, and is not blocked by one that was killed', async () => {
    await expect(server.start()).rejects.toMatchObject({ code: 'state-locked' })
    expect((await api('GET', 'status')).status).toBe(200)
    await server.stop()
    await writeFile(join(server.state, 'run/server.lock'), `${process.pid} 1`)
    await writeFile(server.config.http.socket, '')
    await server.start()
    expect((await api('GET', 'status')).status).toBe(200)
  })

  test('keeps its secrets over a restart', async () => {
    const secret = () => readFile(join(server.state, 'run/operator.password'), 'utf8')
    const before = await secret()
    await server.stop()
    await server.start()
    expect(await secret()).toBe(before)
  })
})
