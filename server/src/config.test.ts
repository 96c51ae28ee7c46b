import { WaltError } from '@walt/shared/errors'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { explainServerConfig, readServerConfig } from './config.ts'

const messageOf = (text: string) => {
  try {
    readServerConfig(text)
  } catch (thrown) {
    if (thrown instanceof WaltError && thrown.code === 'config-invalid') return thrown.message
    throw thrown
  }
  throw new Error('it was accepted')
}

describe('the configuration file', () => {
  test('is all defaults when it is empty', () => {
    const config = readServerConfig('')
    expect(config.network).toEqual({ address: '192.168.152.1', prefix: 24, bridge: 'walt0', firstNode: 10 })
    expect(config.http.socket).toBe('/var/lib/walt/run/api.sock')
    expect(config.swap.quotaBytes).toBe(64 * 1024 ** 3)
  })

  test('has its socket in the state folder that it names', () => {
    expect(readServerConfig('state: /srv/walt').http.socket).toBe('/srv/walt/run/api.sock')
    expect(readServerConfig('http: { socket: /run/walt.sock }').http.socket).toBe('/run/walt.sock')
  })

  test('is explained by text that reads back as the defaults', () => {
    expect(readServerConfig(explainServerConfig())).toEqual(readServerConfig(''))
    expect(explainServerConfig()).toContain('# port of the swap server (NBD)')
  })

  test('names key, rule and value of what is wrong', () => {
    expect(messageOf('broker: { port: 70000 }')).toBe(
      'broker.port in the configuration: a port is from 1 to 65535 (given: 70000).',
    )
    expect(messageOf('nfs: { server: samba }')).toContain('it is ganesha, kernel or none (given: "samba")')
    expect(messageOf('swap: { quota: lots }')).toContain('swap.quota')
    expect(messageOf('http: { prot: 80 }')).toContain('http.prot in the configuration: there is no such key')
    expect(messageOf('state: relative')).toContain('absolute path')
    expect(messageOf('a: [')).toContain('not YAML')
  })

  test('names a PostgreSQL database by a URL, whose password no message repeats', () => {
    expect(readServerConfig('').store.postgresql).toBe(null)
    for (const url of [
      'postgres://u:p@db.example:5432/walt?sslmode=verify-full',
      'postgresql:///walt?host=/run',
    ])
      expect(readServerConfig(`store: { postgresql: "${url}" }`).store.postgresql).toBe(url)
    expect(messageOf('store: { postgresql: "mysql://u:hidden@db.example/walt" }')).toMatch(
      /^store\.postgresql in the configuration: it is a URL with the name of a database: postgres:[^ ]+NAME\.$/,
    )
    for (const text of [
      'store: { postgresql: "postgres://u:hidden@db.example" }',
      'store: { postgresql: ["postgres://u:hidden@db.example/walt"] }',
      'store: postgres://u:hidden@db.example/walt',
      'store: mysql://u:hidden@db.example/walt',
      'state: postgres://u:hidden@db.example/walt',
      'postgres://u:hidden@db.example/walt',
      'store: { postgresql: "postgres://u:hidden@db.example/walt }',
      'store:\n  postgresql: postgres://u:hidden@db.example/walt: x',
    ])
      expect(messageOf(text)).not.toContain('hidden')
  })

  test('never throws anything but its own error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          readServerConfig(text)
        } catch (thrown) {
          if (!(thrown instanceof WaltError)) throw thrown
        }
      }),
    )
  })
})
