import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatProperties, formatTable, printable } from './table.ts'

describe('formatTable', () => {
  test('aligns columns by their longest cell and leaves no blanks at the end of a line', () => {
    const rows = [
      ['vnode1', 'booted'],
      ['a-longer-name', ''],
    ]
    expect(formatTable(['name', 'state'], rows)).toBe(
      'NAME           STATE\nvnode1         booted\na-longer-name  -',
    )
  })

  test('counts characters, not UTF-16 units', () => {
    expect(formatTable(['a', 'b'], [['𝒳', 'x']])).toBe('A  B\n𝒳  x')
  })

  test('gives every row one line and the columns one start, whatever the cells hold', () => {
    const cell = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { maxLength: 8 }), (rows) => {
        const lines = formatTable(['first', 'second'], rows).split('\n')
        expect(lines).toHaveLength(rows.length + 1)
      }),
    )
  })
})

test('printable shows the control characters of a node that would play with the terminal', () => {
  expect(printable('a\u001b[2Jb\u009bc\n')).toBe('a\\x1b[2Jb\\x9bc\\x0a')
  expect(printable('température 12 °C')).toBe('température 12 °C')
})

test('formatProperties leaves out what is not known', () => {
  const properties = [['name', 'vnode1'] as const, ['mode', undefined] as const, ['image', ''] as const]
  expect(formatProperties(properties)).toBe('name   vnode1\nimage  -')
})
