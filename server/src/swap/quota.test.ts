import { describe, expect, it } from 'vitest'
import { createSpaceLimit } from './disk-space.ts'
import { createQuota, nextLevel, type SpaceLevel } from './quota.ts'

function quotaOf(limit: number, within?: ReturnType<typeof createQuota>) {
  const levels: SpaceLevel[] = []
  const quota = createQuota({
    limitBytes: () => limit,
    ...(within ? { within } : {}),
    onLevel: (level) => levels.push(level),
  })
  return { quota, levels }
}

describe('a quota', () => {
  it('gives out what it has, and no more', () => {
    const { quota } = quotaOf(100)
    expect(quota.reserve(60)).toBe(true)
    expect(quota.reserve(41)).toBe(false)
    expect(quota.reserve(40)).toBe(true)
    quota.release(50)
    expect(quota.usedBytes()).toBe(50)
    quota.charge(200)
    expect(quota.reserve(1)).toBe(false)
  })

  it('tells of 80 %, of a refusal, and of room again, once each however use wavers', () => {
    const { quota, levels } = quotaOf(100)
    quota.reserve(79)
    expect(levels).toEqual([])
    for (let round = 0; round < 5; round += 1) {
      quota.reserve(2)
      quota.release(2)
    }
    expect(levels).toEqual(['high'])
    quota.reserve(21)
    quota.reserve(1)
    quota.reserve(1)
    expect(levels).toEqual(['high', 'full'])
    quota.release(40)
    expect(levels).toEqual(['high', 'full', 'normal'])
  })

  it('within another one takes from both or from neither', () => {
    const all = quotaOf(100).quota
    const [first, second] = [quotaOf(80, all).quota, quotaOf(80, all).quota]
    expect(first.reserve(70)).toBe(true)
    expect(second.reserve(31)).toBe(false)
    expect([second.usedBytes(), all.usedBytes()]).toEqual([0, 70])
    expect(second.reserve(30)).toBe(true)
    first.release(70)
    expect(all.usedBytes()).toBe(30)
  })
})

it('a level falls later than it rises', () => {
  expect(nextLevel('normal', 0.79, false)).toBe('normal')
  expect(nextLevel('high', 0.79, false)).toBe('high')
  expect(nextLevel('full', 0.95, false)).toBe('full')
  expect(nextLevel('full', 0.85, false)).toBe('high')
  expect(nextLevel('high', 0.7, false)).toBe('normal')
})

describe('the limit of all swap files', () => {
  it('is the quota, or what the disk has beyond its reserve', () => {
    let free = 1_000
    const limit = createSpaceLimit({ quotaBytes: 500, reserveBytes: 100, freeBytes: () => free })
    expect(limit.limitBytes(0, false)).toBe(500)
    free = 150
    limit.refresh(200)
    expect(limit.limitBytes(200, false)).toBe(250)
    free = 50
    limit.refresh(200)
    expect(limit.limitBytes(200, false)).toBe(200)
  })

  it('asks the disk once more before somebody is refused', () => {
    let free = 110
    const limit = createSpaceLimit({ quotaBytes: 500, reserveBytes: 100, freeBytes: () => free })
    limit.refresh(0)
    free = 400
    expect(limit.limitBytes(0, false)).toBe(10)
    expect(limit.limitBytes(0, true)).toBe(300)
  })
})
