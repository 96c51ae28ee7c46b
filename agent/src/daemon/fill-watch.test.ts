import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FillState, fillLevels, fillMessage, fillsOf, watchFill } from './fill-watch.ts'

const megabyte = 1024 ** 2

/** The levels that were told for a row of figures of one kind. */
function told(percents: readonly number[]): (number | undefined)[] {
  let state: FillState = {}
  return percents.map((percent) => {
    const next = watchFill(state, { overlay: { percent, text: '' } })
    state = next.state
    expect(next.crossings.length).toBeLessThan(2)
    return next.crossings[0]?.level
  })
}

describe('fill watch', () => {
  it('tells each level once when it is crossed', () => {
    expect(told([0, 79.9, 80, 85, 94, 95, 99, 100])).toEqual([
      ...[undefined, undefined, 80, undefined, undefined, 95, undefined, undefined],
    ])
  })

  it('tells the upper level alone when both are crossed at once', () => {
    expect(told([10, 97, 97])).toEqual([undefined, 95, undefined])
  })

  it('tells again only after the figure was five below', () => {
    expect(told([81, 76, 81, 74, 81])).toEqual([80, undefined, undefined, undefined, 80])
    expect(told([96, 91, 96, 89, 96])).toEqual([95, undefined, undefined, undefined, 95])
    // From 95 down to 78: the lower level was told, or passed, and stands.
    expect(told([96, 78, 81, 96])).toEqual([95, undefined, undefined, 95])
  })

  it('for any figures: never twice without a clear fall between, and never silent above a level', () => {
    const percents = fc.array(
      fc.oneof(fc.integer({ min: 70, max: 100 }), fc.double({ min: 0, max: 120, noNaN: true })),
    )
    fc.assert(
      fc.property(percents, (given) => {
        const levels = told(given)
        for (const level of fillLevels) {
          let armed = true
          given.forEach((percent, index) => {
            if (percent < level - 5) armed = true
            const said = levels[index]
            if (said === level) expect(armed && percent >= level).toBe(true)
            // The upper one says it for the lower one too.
            if (percent >= level && armed) expect(said).toBeGreaterThanOrEqual(level)
            if (percent >= level) armed = false
          })
        }
      }),
    )
  })

  it('keeps kinds apart, and forgets what is not there any more', () => {
    const both = { swap: { percent: 90, text: 's' }, memory: { percent: 96, text: 'm' } }
    const { state, crossings } = watchFill({}, both)
    expect(crossings).toEqual([
      { kind: 'swap', level: 80, text: 's' },
      { kind: 'memory', level: 95, text: 'm' },
    ])
    expect(watchFill(state, { memory: both.memory }).state).toEqual({ memory: 95 })
  })
})

describe('fills of a node', () => {
  const memory = { totalBytes: 400 * megabyte, availableBytes: 100 * megabyte, cachedBytes: 0, shmemBytes: 0 }

  it('are those that it has', () => {
    const swap = { totalBytes: 0, usedBytes: 0 }
    expect(fillsOf({ memory, swap })).toEqual({
      memory: { percent: 75, text: 'memory is 75 % in use, RAM and swap (300.0 MiB of 400.0 MiB)' },
    })
  })

  it('count RAM and swap together, and the pressure where the kernel measures it', () => {
    const fills = fillsOf({
      memory,
      swap: { totalBytes: 400 * megabyte, usedBytes: 100 * megabyte },
      overlay: { totalBytes: 200 * megabyte, usedBytes: 190 * megabyte, inodes: 1000, inodesUsed: 801 },
      pressure: { somePercent: 81.5, fullPercent: 40 },
    })
    expect(Object.fromEntries(Object.entries(fills).map(([kind, fill]) => [kind, fill.text]))).toEqual({
      overlay: 'the writable layer is 95 % full (190.0 MiB of 200.0 MiB)',
      inodes: 'the writable layer has 80 % of its inodes in use (801 of 1000)',
      swap: 'swap is 25 % full (100.0 MiB of 400.0 MiB)',
      memory: 'memory is 50 % in use, RAM and swap (400.0 MiB of 800.0 MiB)',
      pressure: 'programs waited for memory in 81 % of the last 10 s',
    })
  })
})

describe('fill message', () => {
  it('names the largest, without what a terminal would obey', () => {
    const files = [{ name: '/root/\u001b[2Jx', bytes: 150 * megabyte }]
    const processes = [
      { name: 'perl 412', bytes: 300 * megabyte },
      { name: 'node 99', bytes: 60 * megabyte },
    ]
    expect(fillMessage({ text: 'it is full' }, { files, processes })).toBe(
      'it is full; largest files: /root/?[2Jx (150.0 MiB); largest processes: perl 412 (300.0 MiB), node 99 (60.0 MiB)',
    )
    expect(fillMessage({ text: 'it is full' }, { files: [], processes: undefined })).toBe(
      'it is full; no files; the largest processes could not be had in time',
    )
  })
})
