import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WaltError } from './errors.ts'
import { limits } from './limits.ts'
import { resolveNodeSet } from './node-sets.ts'

const nodes = [
  { name: 'vnode1', image: 'debian', booted: true },
  { name: 'vnode2', image: 'debian', booted: false },
  { name: 'vnode3', image: 'other', booted: true },
  { name: 'rpi5b-2', image: 'other', booted: false },
]
const resolve = (text: string) => resolveNodeSet(text, nodes)

describe('a node set', () => {
  it('is names, ranges, states and images, joined by commas, each node once and in order', () => {
    expect(resolve('vnode2,vnode1')).toEqual(['vnode2', 'vnode1'])
    expect(resolve('vnode3, vnode[1-3]')).toEqual(['vnode3', 'vnode1', 'vnode2'])
    expect(resolve('all-nodes')).toEqual(['vnode1', 'vnode2', 'vnode3', 'rpi5b-2'])
    expect(resolve('booted-nodes')).toEqual(['vnode1', 'vnode3'])
    expect(resolve('down-nodes')).toEqual(['vnode2', 'rpi5b-2'])
    expect(resolve('image:other,vnode1')).toEqual(['vnode3', 'rpi5b-2', 'vnode1'])
    expect(resolve('image:nobody-boots-it')).toEqual([])
  })

  it('names the node that there is not', () => {
    expect(() => resolve('vnode1,vnode9')).toThrow('No node is named "vnode9"')
    expect(() => resolve('vnode[3-4]')).toThrow('No node is named "vnode4"')
  })

  it('is refused when it is empty, backwards or endless', () => {
    for (const text of ['', ',', 'vnode1,', 'vnode[3-1]', 'vnode[0-999999]'])
      expect(() => resolve(text)).toThrow(WaltError)
    expect(() => resolve(`vnode[1-${limits.nodesMax + 1}]`)).toThrow('is not a range')
  })

  it('has known names only and throws nothing but WaltError, whatever the text', () => {
    const word = fc.constantFrom(
      'vnode',
      'vnode1',
      '[',
      '1-3',
      ']',
      ',',
      'image:',
      'debian',
      'all-nodes',
      '-',
      ' ',
      '__proto__',
    )
    const text = fc.oneof(
      fc.string(),
      fc.array(word, { maxLength: 8 }).map((words) => words.join('')),
    )
    fc.assert(
      fc.property(text, (set) => {
        try {
          const names = resolve(set)
          expect(new Set(names).size).toBe(names.length)
          for (const name of names) expect(nodes.some((node) => node.name === name)).toBe(true)
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(WaltError)
        }
      }),
    )
  })
})
