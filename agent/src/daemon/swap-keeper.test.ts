import { limits } from '@walt/shared/limits'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type ConnectionHealth,
  type KeeperAction,
  type KeeperEvent,
  type KeeperState,
  keeperStart,
  keepSwap,
} from './swap-keeper.ts'

const well: ConnectionHealth = { established: true, retransmits: 0, silentMs: 0, acknowledgedBytes: 100 }
const closed: ConnectionHealth = { ...well, established: false }

function look(nowMs: number, health?: ConnectionHealth, inFlight = true): KeeperEvent {
  return { kind: 'look', nowMs, health, inFlight }
}

function ready(nowMs: number): KeeperEvent {
  return { kind: 'ready', nowMs, acknowledgedBytes: 100 }
}

function failed(nowMs: number, gone = false): KeeperEvent {
  return { kind: 'failed', nowMs, gone, reason: 'refused', waitMs: 1_000 }
}

function run(events: KeeperEvent[], from: KeeperState = keeperStart) {
  let state = from
  const actions: KeeperAction[][] = []
  for (const event of events) {
    const decided = keepSwap(state, event)
    state = decided.state
    actions.push(decided.actions)
  }
  return { state, actions, last: actions.at(-1) ?? [] }
}

const held = run([look(0), ready(10), look(500, { ...well, acknowledgedBytes: 200 })]).state

describe('keeping the connection of the swap', () => {
  it('takes the connection of the boot stage over, and says nothing of it', () => {
    const { state, actions } = run([look(0), ready(10), look(500, { ...well, acknowledgedBytes: 200 })])
    expect(actions).toEqual([[{ kind: 'begin-attempt' }], [{ kind: 'replace' }], []])
    expect(state.connection).toBe('held')
  })

  it('offers a connection until bytes are seen on it', () => {
    const { actions } = run([
      look(0),
      ready(10),
      look(500, well),
      look(1_000, well),
      look(1_500, { ...well, acknowledgedBytes: 101 }),
      look(2_000, well),
    ])
    expect(actions.slice(2)).toEqual([[{ kind: 'offer' }], [{ kind: 'offer' }], [], []])
  })

  it('has the next connection ready before the old one goes', () => {
    const { actions } = run(
      [look(1_000, closed), ready(1_100), look(1_500, { ...well, acknowledgedBytes: 200 })],
      held,
    )
    expect(actions).toEqual([
      [{ kind: 'tell-lost', reason: 'the connection was closed' }, { kind: 'begin-attempt' }],
      [{ kind: 'replace' }],
      [{ kind: 'tell-back', afterMs: 500 }],
    ])
  })

  it('tries again only after the time to wait', () => {
    const { actions } = run(
      [look(1_000, closed), failed(1_200), look(2_100, closed), look(2_200, closed)],
      held,
    )
    expect(actions.slice(1)).toEqual([[], [], [{ kind: 'begin-attempt' }]])
  })

  it('makes one attempt at a time', () => {
    const { actions } = run([look(1_000, closed), look(1_500, closed), look(2_000, closed)], held)
    expect(actions.flat().filter(({ kind }) => kind === 'begin-attempt')).toHaveLength(1)
  })

  it('finds a cable that was pulled: the same is sent again and again', () => {
    const silent = { ...well, retransmits: limits.swapRetransmitsMax }
    expect(run([look(1_000, silent)], held).last).toContainEqual({ kind: 'begin-attempt' })
  })

  it('finds an answer that does not come, but only where one is due', () => {
    const silent = { ...well, silentMs: limits.swapSilentMs + 1 }
    expect(run([look(1_000, silent)], held).last).toContainEqual({ kind: 'begin-attempt' })
    expect(run([look(1_000, silent, false)], held).last).toEqual([])
  })

  it('drops its attempt when the connection comes back by itself', () => {
    const silent = { ...well, retransmits: limits.swapRetransmitsMax }
    const { last } = run([look(1_000, silent), look(3_000, well)], held)
    expect(last).toEqual([{ kind: 'drop-attempt' }, { kind: 'tell-back', afterMs: 2_000 }])
  })

  it('says that swap which nobody uses is back', () => {
    const at = 2_000 + limits.swapSettledMs
    const { last } = run([look(1_000, closed, false), ready(1_500), look(at, well, false)], held)
    expect(last).toEqual([{ kind: 'offer' }, { kind: 'tell-back', afterMs: at - 1_000 }])
  })

  it('tells of a server that does not answer at the start', () => {
    expect(run([look(0), failed(100)]).last).toEqual([{ kind: 'tell-lost', reason: 'refused' }])
    expect(run([look(0), failed(100), look(1_100), failed(1_200)]).last).toEqual([])
  })

  it('reboots at once when the bytes are gone', () => {
    expect(run([look(1_000, closed), failed(1_100, true)], held).last).toEqual([
      { kind: 'reboot', cause: 'refused' },
    ])
  })

  it('reboots before the kernel gives up', () => {
    const late = 1_001 + limits.swapLostMaxMs
    const { last } = run([look(1_000, closed), failed(1_100), look(late, closed)], held)
    expect(last).toEqual([
      { kind: 'reboot', cause: `the swap server was out of reach for ${limits.swapLostMaxMs / 1000} s` },
    ])
    expect(limits.swapLostMaxMs).toBeLessThan(limits.nbdDeadConnectionSeconds * 1000)
  })

  it('never begins a second attempt, and tells of loss and return in turn, whatever happens', () => {
    const health = fc.record({
      established: fc.boolean(),
      retransmits: fc.integer({ min: 0, max: 6 }),
      silentMs: fc.integer({ min: 0, max: 2 * limits.swapSilentMs }),
      acknowledgedBytes: fc.integer({ min: 0, max: 200 }),
    })
    const step = fc.record({
      afterMs: fc.integer({ min: 1, max: 5_000 }),
      what: fc.integer({ min: 0, max: 2 }),
      health,
      inFlight: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let [state, nowMs, attempting, lost] = [keeperStart, 0, false, false]
        for (const { afterMs, what, health, inFlight } of steps) {
          nowMs += afterMs
          const own = state.connection === 'unheld' ? undefined : health
          const ended = what === 1 ? ready(nowMs) : failed(nowMs)
          const event = what === 0 || !attempting ? look(nowMs, own, inFlight) : ended
          if (event.kind !== 'look') attempting = false
          const decided = keepSwap(state, event)
          state = decided.state
          for (const { kind } of decided.actions) {
            if (kind === 'begin-attempt') {
              expect(attempting).toBe(false)
              attempting = true
            }
            if (kind === 'drop-attempt') {
              expect(attempting).toBe(true)
              attempting = false
            }
            if (kind === 'tell-lost' || kind === 'tell-back') {
              expect(lost).toBe(kind === 'tell-back')
              lost = !lost
            }
          }
          expect(state.attempting).toBe(attempting)
        }
      }),
    )
  })
})
