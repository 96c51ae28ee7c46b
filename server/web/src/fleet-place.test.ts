import { expect, test } from 'vitest'
import { chosenLayout, readFleetPlace, writeFleetPlace } from './fleet-place.ts'

test('an address says what is shown, and leads back to it', () => {
  expect(writeFleetPlace(readFleetPlace(''))).toBe('/')
  const place = readFleetPlace('?q=vnode%5B1-9%5D&state=down,lost,x&sort=since&order=descending&layout=map')
  expect(place).toEqual({
    text: 'vnode[1-9]',
    states: ['lost', 'down'],
    sort: 'since',
    descending: true,
    layout: 'map',
  })
  expect(readFleetPlace(writeFleetPlace(place).slice(1))).toEqual(place)
  expect(readFleetPlace('?sort=x&layout=y')).toEqual(readFleetPlace(''))
})

test('the layout follows the number of nodes, unless one was chosen', () => {
  expect([10, 100, 1000].map((count) => chosenLayout('auto', count))).toEqual(['cards', 'compact', 'map'])
  expect(chosenLayout('list', 1000)).toBe('list')
})
