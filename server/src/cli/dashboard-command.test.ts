import { expect, test } from 'vitest'
import { reachedBy } from './dashboard-command.ts'

test('links to the address by which the server was reached', () => {
  const link = 'http://192.168.152.1:8080/#token=abc'
  expect(reachedBy(link, { socket: '/run/x' })).toBe(link)
  expect(reachedBy(link, { url: new URL('http://127.0.0.1:9000') })).toBe('http://127.0.0.1:9000/#token=abc')
})
