import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WaltError } from './errors.ts'
import { parseNodeDisks } from './node-disks.ts'

const gigabyte = 1024 ** 3

describe('disks of a virtual node', () => {
  it('are none, one, or more, each with a template or none', () => {
    expect(parseNodeDisks('')).toEqual([])
    expect(parseNodeDisks('32G')).toEqual([{ sizeBytes: 32 * gigabyte, template: 'none' }])
    expect(parseNodeDisks('1G[template=hybrid-boot-v],1T[template=ext4],64M[template=none]')).toEqual([
      { sizeBytes: gigabyte, template: 'hybrid-boot-v' },
      { sizeBytes: 1024 * gigabyte, template: 'ext4' },
      { sizeBytes: gigabyte / 16, template: 'none' },
    ])
  })

  it.each(['x', '1G,', '1G[template=fat32]', '1G[size=2]', '1G[template=ext4', '1K', '4T', '1G[template=]'])(
    'are not %s',
    (text) => {
      expect(() => parseNodeDisks(text)).toThrow(WaltError)
    },
  )

  it('are at most eight', () => {
    expect(parseNodeDisks(Array(8).fill('1G').join(','))).toHaveLength(8)
    expect(() => parseNodeDisks(Array(9).fill('1G').join(','))).toThrow('at most 8')
  })

  it('are read or refused whatever is written', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          return Array.isArray(parseNodeDisks(text))
        } catch (thrown) {
          return thrown instanceof WaltError
        }
      }),
    )
  })
})
