import { expect, it } from 'vitest'
import { cursorNumber, nextLink, pageOf } from './page.ts'

const key = (entry: string) => entry

it('pages give every entry once, by name, though some come and go in between', () => {
  const first = pageOf(['c', 'a', 'b', 'd'], key, { limit: 2 })
  expect(first).toEqual({ page: ['a', 'b'], next: 'b' })
  expect(pageOf(['c', 'd', 'a0'], key, { limit: 2, cursor: first.next })).toEqual({ page: ['c', 'd'] })
  expect(pageOf([], key, { limit: 2 })).toEqual({ page: [] })
})

it('the next page is named with all that was asked', () => {
  expect(nextLink('/api/v1/nodes?limit=2&set=a,b&cursor=x', 'b')).toBe(
    '</api/v1/nodes?limit=2&set=a%2Cb&cursor=b>; rel="next"',
  )
})

it('a cursor that no page gave is refused', () => {
  expect(cursorNumber('12')).toBe(12)
  for (const cursor of ['-1', 'x', '1e99']) expect(() => cursorNumber(cursor)).toThrow(/cursor/)
})
