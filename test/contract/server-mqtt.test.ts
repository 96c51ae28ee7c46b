/** Nodes and operators at the broker of a whole server, with real clients. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeTopics } from '@walt/shared/mqtt-topics'
import mqtt from 'mqtt'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type LoopbackServer, startLoopbackServer } from '../support/loopback-server.ts'
import { needTool } from '../support/tools.ts'

let server: LoopbackServer
const api: LoopbackServer['api'] = (...words) => server.api(...words)
const createNode: LoopbackServer['createNode'] = (...words) => server.createNode(...words)

beforeEach(async () => {
  server = await startLoopbackServer()
})
afterEach(() => server.end())

type Parameters = { kernelArguments: string; bootId: string }

describe('a physical node', () => {
  const get = (path: string, from: string) => server.tcp('GET', path, from)
  const tokenOf = ({ kernelArguments }: Parameters) => /walt\.token=(\S+)/.exec(kernelArguments)?.[1] ?? ''

  test('gets its boot from its own address only', async () => {
    await createNode('rpi1', 1)
    const path = '/boot/02:00:00:00:00:01/parameters'
    expect((await get(path, '127.0.0.1')).json()).toMatchObject({ code: 'forbidden' })
    expect((await get(path.replace('01/', '09/'), '127.0.0.10')).status).toBe(404)
    const { kernelArguments, bootId } = (await get(path, '127.0.0.10')).json<Parameters>()
    expect(kernelArguments).toContain(`nfsroot=127.0.0.1:${server.state}/images/debian12/fs,nfsvers=3`)
    expect(kernelArguments).toContain(`walt.boot.id=${bootId}`)
    expect((await get('/boot/02:00:00:00:00:01/kernel', '127.0.0.10')).body).toBe('kernel of debian12')
    expect((await get('/boot/02:00:00:00:00:01/boot.ipxe', '127.0.0.10')).body).toMatch(
      /^#!ipxe\nkernel http:/,
    )
    expect((await api('GET', 'nodes/rpi1')).json()).toMatchObject({
      state: 'booting',
      runningImage: 'debian12',
    })
  })

  test('is known by its token for this boot only; what an older boot says counts no more', async () => {
    await createNode('rpi1', 1)
    const begin = async () =>
      (await get('/boot/02:00:00:00:00:01/parameters', '127.0.0.10')).json<Parameters>()
    const connect = (password: string) =>
      mqtt.connectAsync({
        ...{ host: '127.0.0.1', port: server.config.broker.port, username: 'rpi1', password },
        ...{ reconnectPeriod: 0, keepalive: 15 },
      })
    const report = ({ bootId }: Parameters, reported: string) =>
      JSON.stringify({ state: reported, bootId, since: 1, mode: 'network' })
    const stateOf = async () => (await api('GET', 'nodes/rpi1')).json().state
    const topics = nodeTopics('rpi1')

    const first = await begin()
    const old = await connect(tokenOf(first))
    await old.publishAsync(topics.state, report(first, 'booted'), { qos: 1, retain: true })
    expect(await stateOf()).toBe('booted')
    const waited = (await api('POST', 'nodes/wait', { nodes: 'rpi1' })).json()
    expect(waited).toEqual({ results: [{ node: 'rpi1', state: 'booted', ok: true }] })

    const second = await begin()
    await old.publishAsync(topics.state, report(second, 'booted'), { qos: 1 })
    expect(await stateOf()).toBe('booting')
    // But for words: the system that runs tells why a kexec into the next boot failed.
    await old.publishAsync(topics.log, JSON.stringify({ at: 0, level: 'warning', message: 'no kexec' }), {
      qos: 1,
    })
    await expect(connect(tokenOf(first))).rejects.toThrow(/password/i)

    const current = await connect(tokenOf(second))
    await current.publishAsync(topics.state, 'not JSON', { qos: 1 })
    await current.publishAsync(topics.log, JSON.stringify({ at: 1, level: 'info', message: 'up' }), {
      qos: 1,
    })
    await current.publishAsync(topics.state, report(second, 'booted'), { qos: 1 })
    expect(await stateOf()).toBe('booted')
    expect((await api('GET', 'nodes/rpi1/logs')).json()).toEqual([
      { at: 0, level: 'warning', message: 'no kexec' },
      { at: 1, level: 'info', message: 'up' },
    ])
    await old.endAsync(true)
    expect(await stateOf()).toBe('booted')
    current.stream.destroy()
    await expect.poll(stateOf).toBe('down')
    expect(
      (await api('GET', 'nodes/rpi1'))
        .json<{ history: { state: string }[] }>()
        .history.map((one) => one.state),
    ).toEqual(['down', 'booted', 'booting', 'booted', 'booting'])
  })
})

describe('an operator', () => {
  test.skipIf(!needTool('mosquitto_pub'))(
    'reboots a node set with mosquitto_pub, and hears of it',
    async () => {
      await createNode('rpi1', 1)
      const requests = await server.playNode('127.0.0.10', 'OK\n')
      const password = (await readFile(join(server.state, 'run/operator.password'), 'utf8')).trim()
      const listener = await mqtt.connectAsync({
        ...{
          host: '127.0.0.1',
          port: server.config.broker.port,
          username: 'operator',
          password,
          reconnectPeriod: 0,
        },
      })
      await listener.subscribeAsync('walt/v1/#')
      const heard = new Promise<string>((resolve) => {
        listener.on('message', (topic, payload) => {
          if (topic === 'walt/v1/sets/all-nodes/rebooted') resolve(payload.toString())
        })
      })
      const login = [
        '-h',
        '127.0.0.1',
        '-p',
        String(server.config.broker.port),
        '-u',
        'operator',
        '-P',
        password,
      ]
      const child = spawn('mosquitto_pub', [...login, '-q', '1', '-t', 'walt/v1/sets/all-nodes/reboot', '-n'])
      expect((await once(child, 'exit'))[0]).toBe(0)
      expect(await heard).toContain('rpi1: rebooted OK.')
      expect(requests).toEqual(['MODE single\nREBOOT\n'])
      await listener.endAsync()
    },
  )
})
