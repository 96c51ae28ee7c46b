import { describe, expect, test } from 'vitest'
import type { NodeView } from '../http/api-schema.ts'
import { apiTarget } from './command-context.ts'
import { nodeTable, readSettings, settingsText } from './node-commands.ts'
import { waitingLine, waitOutcome } from './wait.ts'

const view: NodeView = {
  name: 'vnode1',
  mac: '52:54:00:00:00:01',
  model: 'pc-x86-64',
  virtual: true,
  address: '192.168.152.10',
  image: 'debian12',
  createdAt: 0,
  settings: { given: { ram: '1G' }, effective: { ram: '1G', swap: '16G' } },
  state: 'booted',
  since: 1_000,
  bootTries: 0,
}

test('the table tells where a reboot would change the image', () => {
  expect(nodeTable([{ ...view, runningImage: 'old' }], 6_000).split('\n')[1]).toBe(
    'vnode1  virtual  pc-x86-64  debian12 (now old)  192.168.152.10  booted  5 s',
  )
  expect(nodeTable([{ ...view, runningImage: 'debian12' }], 6_000)).not.toContain('now')
})

describe('settings', () => {
  test('are read as name=value, the value may hold an equals sign', () => {
    expect(readSettings(['ram=1G', 'boot.arguments=a=b c'])).toEqual({ ram: '1G', 'boot.arguments': 'a=b c' })
  })

  test.each([[['ram']], [['=1G']], [['ram=1G', 'ram=2G']]])('%j is refused', (words) => {
    expect(() => readSettings(words)).toThrow()
  })

  test('are shown once for nodes that have the same', () => {
    const views = [view, { ...view, name: 'vnode2' }, { ...view, name: 'vnode3' }]
    expect(settingsText(views)).toBe('vnode[1-3]:\n  ram=1G\n  swap=16G  (default)')
  })
})

describe('apiTarget', () => {
  test('an option wins over the environment, which wins over the default', () => {
    expect(apiTarget({ socket: '/a' }, { WALT_SOCKET: '/b' })).toEqual({ socket: '/a' })
    expect(apiTarget({}, { WALT_SOCKET: '/b' })).toEqual({ socket: '/b' })
    expect(apiTarget({}, {})).toEqual({ socket: '/var/lib/walt/run/api.sock' })
  })

  test('a server is reached with the token of the environment', () => {
    const target = apiTarget({ server: 'http://192.0.2.1:8080' }, { WALT_TOKEN: 'secret' })
    expect(target).toEqual({ url: new URL('http://192.0.2.1:8080'), token: 'secret' })
  })

  test.each([{ server: 'ftp://x' }, { server: 'x' }, { server: 'http://x', socket: '/a' }])(
    '%j is refused as wrong usage',
    (options) => {
      expect(() => apiTarget(options, {})).toThrow(expect.objectContaining({ code: 'usage' }))
    },
  )
})

describe('waiting', () => {
  test('the live line tells who is still waited for, and in what state', () => {
    const results = [
      { node: 'vnode1', state: 'booting', ok: false },
      { node: 'vnode2', state: 'booted', ok: true },
      { node: 'vnode3', state: 'rebooting', ok: false },
    ] as const
    const line = 'Waiting for vnode1 (booting), vnode3 (rebooting): 12 s'
    expect(waitingLine(results, 12_000)).toBe(line)
    expect(waitingLine(results.slice(1, 2), 12_000)).toBeUndefined()
  })

  test('a lost node comes with what to do about it', () => {
    const result = { node: 'vnode1', state: 'lost', ok: false, cause: 'tried 10 times' } as const
    expect(waitOutcome(result).message).toMatch(/tried 10 times.*walt node reboot vnode1 --hard/)
  })
})
