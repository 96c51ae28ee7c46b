/** What the fleet page shows, kept in its address, so that it can be linked to and comes back with the Back button. Pure. */
import { everything, type FleetQuery, sortKeys, states } from './node-order.ts'

export const layouts = ['auto', 'cards', 'compact', 'map', 'list'] as const
export type Layout = (typeof layouts)[number]
export type FleetPlace = FleetQuery & { layout: Layout }

export function readFleetPlace(search: string): FleetPlace {
  const given = new URLSearchParams(search)
  const wanted = (given.get('state') ?? '').split(',')
  return {
    text: given.get('q') ?? '',
    states: states.filter((state) => wanted.includes(state)),
    sort: sortKeys.find((key) => key === given.get('sort')) ?? everything.sort,
    descending: given.get('order') === 'descending',
    layout: layouts.find((one) => one === given.get('layout')) ?? 'auto',
  }
}

/** Only what differs from the usual. */
export function writeFleetPlace({ text, states: wanted, sort, descending, layout }: FleetPlace): string {
  const given = new URLSearchParams()
  if (text !== '') given.set('q', text)
  if (wanted.length > 0) given.set('state', wanted.join(','))
  if (sort !== everything.sort) given.set('sort', sort)
  if (descending) given.set('order', 'descending')
  if (layout !== 'auto') given.set('layout', layout)
  const search = given.toString()
  return search === '' ? '/' : `/?${search}`
}

/** A few nodes have room for words; of many, shape and colour are what can be read at a glance. */
export function chosenLayout(layout: Layout, count: number): Exclude<Layout, 'auto'> {
  if (layout !== 'auto') return layout
  if (count <= 60) return 'cards'
  return count <= 240 ? 'compact' : 'map'
}
