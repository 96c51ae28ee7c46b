import fc from 'fast-check'
import { expect, test } from 'vitest'
import { gridShape, movedFocus, visibleTiles } from './window-rows.ts'

const tile = { minWidth: 100, height: 40, gap: 8 }

test('fills the width with columns of one size', () => {
  expect(gridShape(10, 424, tile)).toEqual({ columns: 4, rows: 3, height: 136, tileWidth: 100 })
  expect(gridShape(10, 50, tile)).toMatchObject({ columns: 1, rows: 10, tileWidth: 50 })
  expect(gridShape(0, 424, tile)).toMatchObject({ rows: 0, height: 0 })
})

test('renders what is in view, and never much more', () => {
  const view = { top: 960, bottom: 1440, spareRows: 2 }
  const shown = visibleTiles(1000, 10, 48, view, undefined)
  expect(shown.at(0)).toBe(180)
  expect(shown.at(-1)).toBe(319)
})

test('keeps the focused tile, each tile once, in order', () => {
  fc.assert(
    fc.property(
      fc.nat(300),
      fc.integer({ min: 1, max: 20 }),
      fc.nat(9000),
      fc.nat(300),
      (count, columns, top, focused) => {
        const shown = visibleTiles(count, columns, 48, { top, bottom: top + 500, spareRows: 1 }, focused)
        expect(shown).toEqual([...new Set(shown)].toSorted((a, b) => a - b))
        expect(shown.every((index) => index >= 0 && index < count)).toBe(true)
        expect(shown.includes(focused)).toBe(focused < count)
      },
    ),
  )
})

test('moves the focus as arrows do, and stays inside', () => {
  expect(movedFocus('ArrowDown', 3, 25, 10)).toBe(13)
  expect(movedFocus('ArrowDown', 18, 25, 10)).toBe(18)
  expect(movedFocus('ArrowLeft', 0, 25, 10)).toBe(0)
  expect(movedFocus('End', 0, 25, 10)).toBe(24)
  expect(movedFocus('PageDown', 0, 25, 10)).toBe(24)
  expect(movedFocus('a', 0, 25, 10)).toBeUndefined()
})
