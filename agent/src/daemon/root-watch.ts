/**
 * What the answers of the root's NFS server mean. Pure: state and answer in, state and action out.
 *
 *   ok ─► degraded (some probes in a row without an answer) ─► ok again ("recovered")
 *             └─► reboot: the server was silent for as long as the policy says
 *   stale file handles in a row ─► reboot: the image is not there any more, and no waiting brings it back
 *
 * A server that takes the connection and does not answer in time is slow, not lost: what is overloaded must not get a fleet
 * that boots on top of it. Time counts only while somebody looks: a machine that was paused has not seen a silence.
 */
import { limits } from '@walt/shared/limits'
import type { RootLostPolicy } from '@walt/shared/root-lost'

/**
 * `silent`: no connection. `slow`: a connection, or an answer to a call that needs no file, and then nothing in time.
 * `stale`: the image is another one, or none.
 */
export type RootAnswer = 'answered' | 'slow' | 'silent' | 'stale'

type Trouble = 'slow' | 'silent'

export type RootState = {
  at: number
  /** The last probes that had the same answer. */
  answer: RootAnswer
  repeated: number
  silentMs: number
  /** The probe that was the first without an answer. */
  troubleSince?: number
  /** What was told last. */
  degraded?: Trouble
}

export type RootAction =
  | { kind: 'tell'; degraded: boolean; cause: string }
  /** Nothing that is on NFS can be used for it. */
  | { kind: 'reboot'; cause: string }

export const freshRoot = (at: number): RootState => ({ at, answer: 'answered', repeated: 0, silentMs: 0 })

export function watchRoot(
  before: RootState,
  { answer, at }: { answer: RootAnswer; at: number },
  policy: RootLostPolicy,
): { state: RootState; action?: RootAction } {
  const state = counted(before, answer, at)
  switch (answer) {
    case 'stale':
      if (state.repeated < limits.rootStaleProbesMax) return { state }
      return { state, action: { kind: 'reboot', cause: staleCause } }
    case 'answered': {
      const { degraded, troubleSince, ...rest } = state
      if (degraded === undefined) return { state: rest }
      const cause = `recovered: the NFS server answers again after ${secondsOf(at - (troubleSince ?? at))} s`
      return { state: rest, action: { kind: 'tell', degraded: false, cause } }
    }
    case 'silent':
    case 'slow':
      if (policy !== 'wait' && answer === 'silent' && state.silentMs >= policy.rebootAfterSeconds * 1000) {
        return { state, action: { kind: 'reboot', cause: lostCause(policy.rebootAfterSeconds) } }
      }
      if (state.repeated < limits.rootMissedProbesMax || state.degraded === answer) return { state }
      return {
        state: { ...state, degraded: answer },
        action: { kind: 'tell', degraded: true, cause: degradedCause(answer, policy) },
      }
  }
}

export const staleCause = 'stale file handle: the image was removed or replaced on the server'
const lostCause = (seconds: number) => `NFS server lost for ${seconds} s`

function degradedCause(trouble: Trouble, policy: RootLostPolicy): string {
  if (trouble === 'slow') return 'degraded: the NFS server is slow, it does not answer in time'
  const what = policy === 'wait' ? 'it is waited for' : `reboot after ${policy.rebootAfterSeconds} s`
  return `degraded: the NFS server does not answer; ${what}`
}

function counted(before: RootState, answer: RootAnswer, at: number): RootState {
  const same = answer === before.answer
  const seenMs = Math.min(at - before.at, limits.rootProbeIntervalMs + limits.rootProbeMs)
  const { troubleSince = at, ...rest } = before
  return {
    ...rest,
    at,
    answer,
    repeated: same ? before.repeated + 1 : 1,
    silentMs: answer !== 'silent' ? 0 : same ? before.silentMs + seenMs : 0,
    troubleSince,
  }
}

function secondsOf(ms: number): number {
  return Math.round(ms / 1000)
}
