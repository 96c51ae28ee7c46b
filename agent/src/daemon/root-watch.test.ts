import { limits } from '@walt/shared/limits'
import type { RootLostPolicy } from '@walt/shared/root-lost'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { freshRoot, type RootAction, type RootAnswer, watchRoot } from './root-watch.ts'

const step = limits.rootProbeIntervalMs

type Probe = { answer: RootAnswer; at: number }

function watch(probes: readonly Probe[], policy: RootLostPolicy = { rebootAfterSeconds: 300 }) {
  const actions: (RootAction & { at: number })[] = []
  let state = freshRoot(0)
  for (const probe of probes) {
    const next = watchRoot(state, probe, policy)
    state = next.state
    if (next.action) actions.push({ ...next.action, at: probe.at })
  }
  return actions
}

/** One letter a probe: . answered, o slow, x silent, s stale */
const meaning: Record<string, RootAnswer> = { '.': 'answered', o: 'slow', x: 'silent', s: 'stale' }
const probes = (text: string): Probe[] =>
  [...text].map((letter, index) => ({ answer: meaning[letter]!, at: (index + 1) * step }))

describe('root watch', () => {
  it('says nothing while all is well, nor of one probe that is missed', () => {
    expect(watch(probes('.....x...o....s...xo.ox'))).toEqual([])
  })

  it('tells of a silence once, and of its end, with how long it was', () => {
    const actions = watch(probes('..xxxxxxxxxx...'))
    expect(actions).toEqual([
      {
        kind: 'tell',
        degraded: true,
        cause: 'degraded: the NFS server does not answer; reboot after 300 s',
        at: 4 * step,
      },
      {
        kind: 'tell',
        degraded: false,
        cause: 'recovered: the NFS server answers again after 30 s',
        at: 13 * step,
      },
    ])
  })

  it('reboots when the server has been silent for as long as the policy says', () => {
    const actions = watch(probes('.xxxxxxxx'), { rebootAfterSeconds: 15 })
    expect(actions.find(({ kind }) => kind === 'reboot')).toEqual({
      kind: 'reboot',
      cause: 'NFS server lost for 15 s',
      at: 7 * step,
    })
  })

  it('waits for ever where it is to wait', () => {
    const actions = watch(probes('x'.repeat(100_000)), 'wait')
    expect(actions).toEqual([expect.objectContaining({ kind: 'tell', degraded: true })])
    expect(actions[0]).toMatchObject({ cause: expect.stringContaining('waited for') })
  })

  it('takes a slow server for slow, however long, and says when slow becomes silent', () => {
    const slow = watch(probes(`.${'o'.repeat(1_000)}`), { rebootAfterSeconds: 15 })
    expect(slow).toEqual([expect.objectContaining({ cause: expect.stringContaining('is slow') })])
    const causes = watch(probes('.oooxxx.')).map(({ cause }) => cause)
    expect(causes).toEqual([
      expect.stringContaining('slow'),
      expect.stringContaining('does not answer;'),
      expect.stringContaining('recovered'),
    ])
  })

  it('reboots when the image is gone, but not for one answer that says so', () => {
    expect(watch(probes('..ss.ss.'))).toEqual([])
    expect(watch(probes('..sss'), 'wait')).toEqual([
      {
        kind: 'reboot',
        cause: 'stale file handle: the image was removed or replaced on the server',
        at: 5 * step,
      },
    ])
  })

  it('does not count the time in which the machine stood still', () => {
    const paused: Probe[] = [
      { answer: 'answered', at: 0 },
      { answer: 'silent', at: step },
      { answer: 'silent', at: 3_600_000 },
      { answer: 'silent', at: 3_600_000 + step },
    ]
    expect(watch(paused).filter(({ kind }) => kind === 'reboot')).toEqual([])
  })

  it('for any answers: reboots only after a silence of that length, or stale handles; tells in turn', () => {
    const answer = fc.constantFrom<RootAnswer>('answered', 'slow', 'silent', 'silent', 'silent', 'stale')
    const gap = fc.integer({ min: 1, max: 3 * step })
    const seen = fc.array(fc.tuple(answer, gap), { maxLength: 200 })
    fc.assert(
      fc.property(seen, fc.integer({ min: 10, max: 60 }), (given, seconds) => {
        let at = 0
        const list = given.map(([one, ms]): Probe => {
          at += ms
          return { answer: one, at }
        })
        const actions = watch(list, { rebootAfterSeconds: seconds })
        for (const action of actions) {
          if (action.kind !== 'reboot') continue
          const index = list.findIndex((probe) => probe.at === action.at)
          const kind = list[index]?.answer
          const start = list.slice(0, index + 1).findLastIndex((probe) => probe.answer !== kind) + 1
          const run = list.slice(start, index + 1)
          if (kind === 'silent') expect(action.at - run[0]!.at).toBeGreaterThanOrEqual(seconds * 1000)
          else expect([kind, run.length >= limits.rootStaleProbesMax]).toEqual(['stale', true])
        }
        const tells = actions.filter((action) => action.kind === 'tell')
        // Recovered is told only of what was told to be degraded.
        tells.forEach((tell, index) => {
          if (!tell.degraded) expect(tells[index - 1]?.degraded).toBe(true)
        })
      }),
    )
  })
})
