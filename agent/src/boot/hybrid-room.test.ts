import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bootStamp, chooseRemovals, type ImageFolder, planRoom, roomNeeded } from './hybrid-room.ts'

const folder = (id: string, stampMs: number, complete = true): ImageFolder => ({ id, stampMs, complete })

describe('room on a hybrid disk', () => {
  it('is not asked for when the image is there', () => {
    expect(planRoom([folder('a', 1), folder('b', 2)], 'b')).toEqual({ kind: 'boot' })
  })

  it('is made by what was never finished, then by the images booted longest ago', () => {
    const folders = [folder('a', 30), folder('b', 10), folder('new', 5, false), folder('c', 20, false)]
    expect(planRoom(folders, 'new')).toEqual({
      kind: 'copy',
      leftovers: ['new', 'c'],
      oldestFirst: ['b', 'a'],
    })
  })

  it('takes the image booted now for the newest, whatever the clock says', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), fc.nat(), (stamps, nowMs) => {
        const others = stamps.map((stampMs, index) => folder(`i${index}`, stampMs))
        const stampMs = bootStamp([...others, folder('me', nowMs)], 'me', nowMs)
        const plan = planRoom([...others, folder('me', stampMs)], 'another')
        expect(plan).toMatchObject({ kind: 'copy' })
        if (plan.kind === 'copy') expect(plan.oldestFirst.at(-1)).toBe('me')
      }),
    )
  })

  it('costs no more images than needed, and none where all would be in vain', () => {
    const images = [
      { id: 'old', bytes: 100 },
      { id: 'newer', bytes: 300 },
    ]
    expect(chooseRemovals(images, 0)).toEqual([])
    expect(chooseRemovals(images, 100)).toEqual(['old'])
    expect(chooseRemovals(images, 101)).toEqual(['old', 'newer'])
    expect(chooseRemovals(images, 401)).toBeUndefined()
    expect(chooseRemovals([], 1)).toBeUndefined()
  })

  it('is some more than the image', () => {
    expect(roomNeeded(1000, 64)).toBe(1114)
  })
})
