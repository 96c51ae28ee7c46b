/** walt as a process against a whole server on loopback: what one side says, the other understands. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { walt } from '../../server/src/cli/small-api.ts'
import { type LoopbackServer, startLoopbackServer } from '../support/loopback-server.ts'

let server: LoopbackServer
const run = (...words: string[]) => walt(words, { WALT_SOCKET: server.config.http.socket })

beforeAll(async () => {
  server = await startLoopbackServer()
  await server.playNode('127.0.0.10', 'OK\n')
})
afterAll(() => server.end())

describe('walt and walt-server', () => {
  test('understand each other on the life of a node', async () => {
    const mac = '02:00:00:00:00:01'
    const many = await run('node', 'create', 'lab1', '--mac', mac)
    expect(many).toMatchObject({ status: 1, err: expect.stringContaining('debian12, debian13') })
    const made = await run('node', 'create', 'lab1', '--mac', mac, '--image', 'debian12')
    expect(made).toMatchObject({ status: 0, err: '' })
    expect(made.out).toContain(`lab1: created, with image debian12 and address 127.0.0.10`)
    expect((await run('node', 'show')).out).toMatch(/^lab1 +physical +pc-x86-64 +debian12 +127.0.0.10 +new/m)
    expect((await run('node', 'show', 'lab1')).out).toMatch(/^address +127.0.0.10, 02:00:00:00:00:01$/m)

    expect((await run('node', 'config', 'lab1', 'swap=1G')).out).toBe(
      'Done. Reboot node(s) to see new settings in effect.\n',
    )
    expect((await run('node', 'config', 'lab1')).out).toMatch(/^ {2}swap=1G$/m)
    const refused = await run('node', 'config', 'lab1', 'ram=1G')
    expect(refused).toMatchObject({ status: 1, err: '"ram" can only be set on a virtual node.\n' })

    expect(await run('node', 'reboot', 'lab1')).toEqual({ status: 0, out: 'lab1: rebooted OK.\n', err: '' })
    expect((await run('node', 'boot', 'all-nodes', 'debian13')).out).toBe('lab1: rebooted OK.\n')
    expect((await run('image', 'show')).out).toMatch(/^debian13 .* lab1 /m)
    expect((await run('image', 'remove', 'debian13')).status).toBe(1)
    expect((await run('node', 'ping', 'lab1')).out).toBe('lab1: it answers.\n')
    expect((await run('node', 'blink', 'lab1', '1')).status).toBe(0)
    expect((await run('node', 'dmesg', 'lab1')).status).toBe(0)

    const hard = await run('node', 'reboot', 'lab1', '--hard')
    expect(hard).toMatchObject({
      status: 1,
      err: expect.stringMatching(/^lab1: failed PoE-reboot \(.*\)\n$/),
    })
    const changed = await run('node', 'reboot', 'lab1', '--if-changed')
    expect(changed.out).toBe('lab1: rebooted OK (it has not booted yet).\n')
    expect(await run('node', 'changes', 'lab1')).toMatchObject({
      status: 1,
      err: expect.stringMatching(/^lab1: /),
    })
    const wait = await run('node', 'wait', 'lab1', '--timeout', '0')
    expect(wait).toMatchObject({ status: 1, err: expect.stringContaining('lab1: not booted yet') })
    expect(await run('node', 'console', 'lab1')).toEqual({ status: 0, out: '', err: '' })
    expect((await run('node', 'logs', 'lab1')).status).toBe(0)

    expect((await run('node', 'remove', 'lab1')).out).toBe('lab1: removed.\n')
    expect(await run('node', 'show', 'lab1')).toMatchObject({
      status: 1,
      err: expect.stringContaining('lab1'),
    })
  })

  test('understand each other on the life of a switch', async () => {
    expect((await run('device', 'show')).err).toContain('There is no device yet')
    const made = await run('device', 'create', 'switch1', '--type', 'switch', '--ip', '127.0.0.5')
    expect(made).toMatchObject({ status: 0, out: expect.stringMatching(/^switch1: created\./) })
    const words = ['poe.reboots=true', 'snmp.version=2', 'snmp.community=secret']
    expect((await run('device', 'config', 'switch1', ...words)).out).toBe('Done.\n')
    expect((await run('device', 'config', 'switch1', 'poe.reboots=yes')).status).toBe(1)
    const settings = (await run('device', 'config', 'switch1')).out
    expect(settings).toMatch(/^ {2}poe\.reboots=true$/m)
    expect(settings).toMatch(/^ {2}snmp\.community=\(set\)$/m)
    expect((await run('device', 'show')).out).toMatch(/^switch1 +switch +127\.0\.0\.5 +yes$/m)
    expect((await run('device', 'remove', 'switch1')).out).toBe('switch1: removed.\n')
    expect((await run('device', 'config', 'switch1')).status).toBe(1)
  })

  test('understand each other on the server, also over TCP with its token', async () => {
    expect((await run('server', 'status')).out).toMatch(/^server +walt-server 0.0.0, up for/m)
    const token = (await readFile(join(server.state, 'run/api.token'), 'utf8')).trim()
    const url = `http://127.0.0.1:${server.config.http.port}`
    const words = ['server', 'status', '--json', '--server', url]
    const status = await walt(words, { WALT_TOKEN: token })
    expect(JSON.parse(status.out)).toMatchObject({ state: server.state, version: '0.0.0' })
    expect(await walt(words, { WALT_TOKEN: 'wrong' })).toMatchObject({ status: 1 })
  })

  test('complete the names of images', async () => {
    expect((await run('completion', 'words', '--', 'image', 'remove', 'd')).out).toBe('debian12\ndebian13\n')
  })
})
