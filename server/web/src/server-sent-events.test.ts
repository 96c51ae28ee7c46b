import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createEventParser } from './server-sent-events.ts'

test('reads events, and passes over comments and fields that it does not know', () => {
  const parse = createEventParser()
  expect(parse(': walt\n\nid: 7\nevent: node\nretry: 5\ndata: {"a":1}\n\ndata: x\ndata:  y\n\n')).toEqual([
    { event: 'node', data: '{"a":1}', id: '7' },
    { event: 'message', data: 'x\n y', id: '7' },
  ])
  expect(parse('event: gone\n\ndata\n\n')).toEqual([{ event: 'message', data: '', id: '7' }])
})

test('reads the same from pieces of any size, whatever ends a line', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string().map((text) => text.replace(/[\r\n\0]/g, '')),
        { maxLength: 5 },
      ),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      (values, end, sizes) => {
        const text = values.map((value) => `event: e${end}data: ${value}${end}${end}`).join('')
        const parse = createEventParser()
        const found = []
        for (let at = 0, turn = 0; at < text.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1
          found.push(...parse(text.slice(at, at + size)))
          at += size
        }
        expect(found.map((one) => one.data)).toEqual(values)
      },
    ),
  )
})
