/**
 * Keeps the swap's connection: what is known of it comes in, what to do comes out. Pure.
 *
 *   unheld ─► offered ─► held        the daemon's own connection, in place of the boot stage's, which it cannot look at
 *     │          │         │
 *     └──────────┴─────────┴─► (closed, or silent) attempts until one is ready ─► offered
 *
 * Every outage is mended the same way: the next connection is ready, handshake and all, before the old one is shut down,
 * and is then offered to the driver, until bytes are seen on it: the driver acknowledges an offer that it does not take.
 * The old connection may come back by itself meanwhile, since TCP sends again what was lost: then the attempt is dropped.
 * Requests wait in the driver as long as there is no connection (dead_conn_timeout).
 */
import { limits } from '@walt/shared/limits'

export type KeeperState = {
  connection: 'unheld' | 'offered' | 'held'
  /** Of a connection that was offered: what had been acknowledged on it by then, and when that was. */
  offered: { bytes: number; atMs: number }
  attempting: boolean
  nextAttemptMs: number
  /** Since when the swap has been out of reach. */
  lostSinceMs: number | undefined
}

/** What is seen of the daemon's own connection; undefined when it has none. */
export type ConnectionHealth = {
  established: boolean
  retransmits: number
  silentMs: number
  acknowledgedBytes: number
}

export type KeeperEvent =
  | { kind: 'look'; nowMs: number; health: ConnectionHealth | undefined; inFlight: boolean }
  | { kind: 'ready'; nowMs: number; acknowledgedBytes: number }
  | { kind: 'failed'; nowMs: number; gone: boolean; reason: string; waitMs: number }

export type KeeperAction =
  | { kind: 'begin-attempt' }
  | { kind: 'drop-attempt' }
  /** Shut down the connection of before, if there is one, and offer the one that is ready. */
  | { kind: 'replace' }
  /** Offer the connection of now once more. */
  | { kind: 'offer' }
  | { kind: 'tell-lost'; reason: string }
  | { kind: 'tell-back'; afterMs: number }
  | { kind: 'reboot'; cause: string }

export const keeperStart: KeeperState = {
  connection: 'unheld',
  offered: { bytes: 0, atMs: 0 },
  attempting: false,
  nextAttemptMs: 0,
  lostSinceMs: undefined,
}

export function keepSwap(
  state: KeeperState,
  event: KeeperEvent,
): { state: KeeperState; actions: KeeperAction[] } {
  if (event.kind === 'look') return afterLook(state, event)
  if (event.kind === 'ready') {
    const offered = { bytes: event.acknowledgedBytes, atMs: event.nowMs }
    return {
      state: { ...state, connection: 'offered', offered, attempting: false },
      actions: [{ kind: 'replace' }],
    }
  }
  return afterFailure(state, event)
}

function afterFailure(
  state: KeeperState,
  event: Extract<KeeperEvent, { kind: 'failed' }>,
): { state: KeeperState; actions: KeeperAction[] } {
  const { nowMs, gone, reason, waitMs } = event
  const actions: KeeperAction[] = []
  // Without a connection of its own the daemon knows by this only.
  if (state.lostSinceMs === undefined) actions.push({ kind: 'tell-lost', reason })
  if (gone) actions.push({ kind: 'reboot', cause: reason })
  return {
    state: {
      ...state,
      attempting: false,
      nextAttemptMs: nowMs + waitMs,
      lostSinceMs: state.lostSinceMs ?? nowMs,
    },
    actions,
  }
}

function afterLook(
  state: KeeperState,
  look: Extract<KeeperEvent, { kind: 'look' }>,
): { state: KeeperState; actions: KeeperAction[] } {
  const { nowMs, health } = look
  const trouble = troubleOf(look)
  if (health && trouble === undefined) return withConnection(state, look, health)

  const actions: KeeperAction[] = []
  const next = { ...state }
  if (trouble !== undefined && next.lostSinceMs === undefined) {
    next.lostSinceMs = nowMs
    actions.push({ kind: 'tell-lost', reason: trouble })
  }
  const lostMs = next.lostSinceMs === undefined ? 0 : nowMs - next.lostSinceMs
  // The boot stage's connection may well work: of that one the kernel's own failures tell.
  if (lostMs > limits.swapLostMaxMs && next.connection !== 'unheld') {
    return {
      state: next,
      actions: [
        ...actions,
        { kind: 'reboot', cause: `the swap server was out of reach for ${seconds(lostMs)} s` },
      ],
    }
  }
  if (!next.attempting && nowMs >= next.nextAttemptMs) {
    next.attempting = true
    actions.push({ kind: 'begin-attempt' })
  }
  return { state: next, actions }
}

function withConnection(
  state: KeeperState,
  look: Extract<KeeperEvent, { kind: 'look' }>,
  health: ConnectionHealth,
): { state: KeeperState; actions: KeeperAction[] } {
  const { nowMs } = look
  const next = { ...state }
  const actions: KeeperAction[] = []
  if (next.attempting) {
    next.attempting = false
    actions.push({ kind: 'drop-attempt' })
  }
  if (next.connection === 'offered') {
    if (health.acknowledgedBytes > next.offered.bytes) next.connection = 'held'
    else actions.push({ kind: 'offer' })
  }
  // Swap that nobody needs moves no bytes.
  const idle = !look.inFlight && nowMs - next.offered.atMs > limits.swapSettledMs
  if (next.lostSinceMs !== undefined && (next.connection === 'held' || idle)) {
    actions.push({ kind: 'tell-back', afterMs: nowMs - next.lostSinceMs })
    next.lostSinceMs = undefined
  }
  return { state: next, actions }
}

/** A cable that was pulled shows in what is sent again and again, or in an answer that does not come. */
function troubleOf({ health, inFlight }: Extract<KeeperEvent, { kind: 'look' }>): string | undefined {
  if (!health) return undefined
  if (!health.established) return 'the connection was closed'
  if (health.retransmits >= limits.swapRetransmitsMax) return 'the server acknowledges nothing'
  if (inFlight && health.silentMs > limits.swapSilentMs) {
    return `no answer for ${seconds(health.silentMs)} s`
  }
  return undefined
}

function seconds(ms: number): number {
  return Math.round(ms / 1000)
}
