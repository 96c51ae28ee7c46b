/** What of the fleet is shown, and in which order. Pure. */
import { reasonOf } from '@walt/shared/errors'
import { resolveNodeSet } from '@walt/shared/node-sets'
import type { NodeView } from '../../src/http/api-schema.ts'

export type NodeStateName = NodeView['state']
/** What needs a person first. */
export const states: readonly NodeStateName[] = [
  'lost',
  'down',
  'rebooting',
  'booting',
  'booted',
  'off',
  'new',
]

export const sortKeys = ['name', 'state', 'since', 'image', 'address'] as const
export type SortKey = (typeof sortKeys)[number]

export type FleetQuery = {
  /** Words that all must occur, or a node set such as `vnode[1-10],image:debian12`. */
  text: string
  /** None means all. */
  states: readonly NodeStateName[]
  sort: SortKey
  descending: boolean
}

export const everything: FleetQuery = { text: '', states: [], sort: 'name', descending: false }

export type FleetSelection = { shown: NodeView[]; problem?: string }

/** Nodes that the query is about, in its order; a set that names unknown nodes is a problem, and shows none. */
export function queryNodes(nodes: readonly NodeView[], query: FleetQuery): FleetSelection {
  const found = matching(nodes, query.text.trim())
  const wanted = new Set(query.states)
  const shown = wanted.size === 0 ? found.shown : found.shown.filter((node) => wanted.has(node.state))
  const { sort, descending } = query
  const keyed = shown.map((node) => ({ node, key: sortKeyOf(node, sort), name: countedText(node.name) }))
  keyed.sort((a, b) => compare(a.key, b.key) * (descending ? -1 : 1) || compare(a.name, b.name))
  return { ...found, shown: keyed.map(({ node }) => node) }
}

/** Every state, with how many nodes are in it. */
export function countStates(nodes: readonly NodeView[]): Record<NodeStateName, number> {
  const counts = { new: 0, off: 0, booting: 0, booted: 0, rebooting: 0, down: 0, lost: 0 }
  for (const node of nodes) counts[node.state] += 1
  return counts
}

/** A set is known by what only sets have: words such as all-nodes, ranges, image:, commas. */
export function isNodeSet(text: string): boolean {
  return /^(?:all|booted|down)-nodes$|\[[0-9]*-?[0-9]*\]?|^image:|,/.test(text)
}

function matching(nodes: readonly NodeView[], text: string): FleetSelection {
  if (text === '') return { shown: [...nodes] }
  if (!isNodeSet(text)) {
    const words = text.toLowerCase().split(/\s+/)
    return { shown: nodes.filter((node) => words.every((word) => searched(node).includes(word))) }
  }
  try {
    const listed = nodes.map(({ name, image, state }) => ({ name, image, booted: state === 'booted' }))
    const names = new Set(resolveNodeSet(text.replace(/,\s*$/, ''), listed))
    return { shown: nodes.filter((node) => names.has(node.name)) }
  } catch (thrown) {
    return { shown: [], problem: reasonOf(thrown) }
  }
}

function searched(node: NodeView): string {
  const { name, state, image, runningImage = '', address, mac, model, cause = '' } = node
  return [name, state, image, runningImage, address, mac, model, cause].join('\n').toLowerCase()
}

function sortKeyOf(node: NodeView, sort: SortKey): string | number {
  if (sort === 'state') return states.indexOf(node.state)
  // What changed last comes first.
  if (sort === 'since') return -node.since
  return countedText(node[sort])
}

/** Text whose order is that of a person who counts: vnode2 before vnode10. Much faster than a collator. */
const countedText = (text: string) => text.replace(/[0-9]+/g, (digits) => digits.padStart(8, '0'))

function compare<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Names as one node set: ranges where numbers follow each other, so that a person can read it back. */
export function nodeSetOf(names: readonly string[]): string {
  const words: { prefix: string; first: number; last: number; name: string }[] = []
  for (const name of names.toSorted((a, b) => compare(countedText(a), countedText(b)))) {
    const parts = /^([a-z][a-z0-9-]*?)(0|[1-9][0-9]{0,5})$/.exec(name)
    const prefix = parts?.[1] ?? name
    const number = parts ? Number(parts[2]) : Number.NaN
    const before = words.at(-1)
    if (before && before.prefix === prefix && number === before.last + 1) before.last = number
    else words.push({ prefix, first: number, last: number, name })
  }
  return words
    .map(({ prefix, first, last, name }) => (last > first ? `${prefix}[${first}-${last}]` : name))
    .join(',')
}
