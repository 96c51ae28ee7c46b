import { WaltError } from './errors.ts'
import { limits } from './limits.ts'

/** What a set can be resolved against. */
export type NodeOfSet = { name: string; image: string; booted: boolean }

/**
 * Names of a node set, in the order given, each once: `vnode1,vnode2`, `vnode[1-10]`, `all-nodes`, `booted-nodes`,
 * `down-nodes`, `image:NAME`, joined by commas.
 * @throws WaltError `node-unknown`, `node-set-invalid`
 */
export function resolveNodeSet(text: string, nodes: readonly NodeOfSet[]): string[] {
  const known = new Set(nodes.map((node) => node.name))
  const names = new Set<string>()
  for (const word of text.split(',').map((part) => part.trim())) {
    for (const name of namesOfWord(word, nodes)) {
      if (!known.has(name)) {
        throw new WaltError('node-unknown', `No node is named "${name}". "walt node show" lists the nodes.`)
      }
      names.add(name)
    }
  }
  return [...names]
}

function namesOfWord(word: string, nodes: readonly NodeOfSet[]): string[] {
  if (word === '') throw new WaltError('node-set-invalid', 'A node set is empty: name a node, or all-nodes.')
  if (word === 'all-nodes') return nodes.map((node) => node.name)
  if (word === 'booted-nodes') return nodes.filter((node) => node.booted).map((node) => node.name)
  if (word === 'down-nodes') return nodes.filter((node) => !node.booted).map((node) => node.name)
  if (word.startsWith('image:')) {
    const image = word.slice('image:'.length)
    return nodes.filter((node) => node.image === image).map((node) => node.name)
  }
  const range = /^([a-z][a-z0-9-]*)\[([0-9]{1,6})-([0-9]{1,6})\]$/.exec(word)
  if (!range) return [word]
  const [first, last] = [Number(range[2]), Number(range[3])]
  if (last < first || last - first >= limits.nodesMax) {
    throw new WaltError(
      'node-set-invalid',
      `"${word}" is not a range: write the lower number first, as in vnode[1-10].`,
    )
  }
  return Array.from({ length: last - first + 1 }, (_, index) => `${range[1]}${first + index}`)
}
