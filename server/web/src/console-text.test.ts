import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createConsoleReader, lastChars } from './console-text.ts'

const sample = '\x1b[0;32m  OK  \x1b[0m] Started\r\n\x1b]0;title\x07login: \x1b(Bx\x00\r\n'

test('shows a console without what steers a terminal', () => {
  expect(createConsoleReader()(sample)).toBe('  OK  ] Started\nlogin: x\n')
})

test('shows the same from pieces of any size', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1 }), (sizes) => {
      const read = createConsoleReader()
      let shown = ''
      for (let at = 0, turn = 0; at < sample.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1
        shown += read(sample.slice(at, at + size))
        at += size
      }
      expect(shown).toBe('  OK  ] Started\nlogin: x\n')
    }),
  )
})

test('does not hold back for ever what never ends', () => {
  expect(createConsoleReader()(`\x1b]${'x'.repeat(1_000)}`)).toContain('x'.repeat(900))
})

test('keeps the end, from a line on', () => {
  expect(lastChars('one\ntwo\nthree\n', 8)).toBe('three\n')
  expect(lastChars('one', 8)).toBe('one')
})
