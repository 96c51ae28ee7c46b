import { expect, test } from 'vitest'
import { parseRootLost, rootLostDefault } from './root-lost.ts'

test('a lost root is waited for, or left after a time', () => {
  expect(parseRootLost('wait')).toBe('wait')
  expect(parseRootLost('reboot:15')).toEqual({ rebootAfterSeconds: 15 })
  expect(parseRootLost(rootLostDefault)).toEqual({ rebootAfterSeconds: 300 })
})

test.each([
  '',
  'reboot',
  'reboot:',
  'reboot:0',
  'reboot:9',
  'reboot:86401',
  'reboot:1e3',
  'reboot:300s',
  'WAIT',
])('"%s" is refused', (text) => {
  expect(() => parseRootLost(text)).toThrow('reboot:SECONDS with 10 to 86400 seconds')
})
