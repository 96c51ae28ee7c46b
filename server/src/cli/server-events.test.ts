import { expect, it } from 'vitest'
import { createEventParser } from './server-events.ts'

it('reads events of one line or several, and remembers the last id', () => {
  const parser = createEventParser()
  const lines = 'id: r-1|: walt||id: r-2|event: node|data: {"a":|data: 1}||: beat||event:log|data:2||'.split(
    '|',
  )
  const events = lines.map((line) => parser.push(line)).filter((event) => event !== undefined)
  expect(events).toEqual([
    { event: 'node', data: { a: 1 } },
    { event: 'log', data: 2 },
  ])
  expect(parser.lastId()).toBe('r-2')
})

it('refuses what is not JSON', () => {
  const parser = createEventParser()
  parser.push('event: node')
  parser.push('data: {')
  expect(() => parser.push('')).toThrow(/not JSON/)
})
