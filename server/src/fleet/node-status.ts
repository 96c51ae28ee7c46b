/**
 * What is known of a node's present boot, and how each event changes it. Pure: status and event in, status out.
 *
 *   new ─► booting ─► booted ─► rebooting ─► booting ...
 *             │          └─► down (its connection went; it may come back by itself)
 *             └─► rebooting (not back within boot.timeout: hard-rebooted) ... ─► lost
 *   off: a virtual node whose machine was stopped by the server.
 *
 * Two rules keep late news out: what a node reports counts only if it comes from the current boot, and a reboot that
 * was asked of an older boot changes nothing.
 */
import type { BootMode } from '@walt/shared/boot-report'
import type { NodeState } from '@walt/shared/payloads'

export type NodeStateName = 'new' | 'off' | 'booting' | 'booted' | 'rebooting' | 'down' | 'lost'

export type NodeStatus = {
  state: NodeStateName
  /** Of the current boot. */
  bootId?: string
  since: number
  cause?: string
  mode?: BootMode
  /** What the current boot runs. */
  image?: string
  /** How often user space was restarted in the current boot. */
  userSpace?: number
  /** Hard reboots since the node was last booted, or since a person last asked. */
  bootTries: number
  /** The node is up, but its root does not answer, or slowly: the cause says which. */
  degraded?: true
  /** When a node that takes its time to boot last said that it gets on. */
  heardAt?: number
  /** When the cause came to be what it is, where that was after `since`. */
  causeSince?: number
}

export type NodeEvent =
  /** `cause` where the node itself asked, from the system that still runs. */
  | { type: 'boot-started'; bootId: string; image: string; cause?: typeof kexecCause | undefined }
  | { type: 'reported'; report: NodeState }
  /** The node acknowledged a reboot, or its power is being cut; `userspace`: of the user space of that number alone. */
  | { type: 'reboot-requested'; by: string; bootId?: string | undefined; userspace?: number }
  | { type: 'connection-lost'; bootId: string }
  /** The node copies its image to a disk, before there is anything else that could speak for it. */
  | { type: 'copying'; bootId: string }
  | { type: 'machine-exited'; reason: string }
  | { type: 'machine-stopped' }
  | { type: 'boot-timed-out'; timeoutSeconds: number }
  | { type: 'given-up'; reason: string }

/** The node goes to its next kernel by itself: its machine, and the system of the old boot, live on for a while. */
export const kexecCause = 'kexec'
/** Once for each state of an image, on a node in a hybrid boot mode. */
const copyingCause = 'copying its image to its disk'
/** The same boot goes on, with the same kernel and swap. */
const userspaceCause = 'userspace reboot'

export const newNodeStatus = (now: number): NodeStatus => ({ state: 'new', since: now, bootTries: 0 })

/** The status after the event; the very same object where the event changes nothing. */
export function nextStatus(status: NodeStatus, event: NodeEvent, now: number): NodeStatus {
  switch (event.type) {
    case 'boot-started': {
      const { bootTries } = status
      const { bootId, image, cause } = event
      return { state: 'booting', since: now, bootTries, bootId, image, ...(cause && { cause }) }
    }
    case 'reported':
      return afterReport(status, event.report, now)
    case 'reboot-requested':
      if (event.bootId !== status.bootId) return status
      // The next one may have spoken before the answer of this one came in.
      if (event.userspace !== undefined && event.userspace < (status.userSpace ?? 0)) return status
      return {
        ...moved(
          status,
          'rebooting',
          now,
          `${event.userspace === undefined ? '' : `${userspaceCause} `}asked by ${event.by}`,
        ),
        since: now,
        bootTries: 0,
      }
    case 'connection-lost':
      if (event.bootId !== status.bootId || status.state !== 'booted') return status
      return moved(status, 'down', now, 'its connection was lost')
    case 'copying':
      if (event.bootId !== status.bootId || status.state !== 'booting') return status
      return { ...moved(status, 'booting', now, copyingCause), heardAt: now }
    case 'machine-exited':
      if (status.state === 'rebooting' || status.state === 'off') return status
      return moved(status, 'rebooting', now, event.reason)
    case 'machine-stopped':
      return moved(status, 'off', now, undefined)
    case 'boot-timed-out': {
      const cause = `not booted within ${event.timeoutSeconds} s`
      return { ...moved(status, 'rebooting', now, cause), since: now, bootTries: status.bootTries + 1 }
    }
    case 'given-up':
      return moved(status, 'lost', now, event.reason)
  }
}

function afterReport(status: NodeStatus, report: NodeState, now: number): NodeStatus {
  if (report.bootId === undefined || report.bootId !== status.bootId) return status
  const { userSpace = 0 } = report
  const known = status.userSpace ?? 0
  if (userSpace < known) return status
  if (userSpace > known) return inNextUserSpace(status, { ...report, userSpace }, now)
  // A machine on its way down loses its connection: that is no news.
  if (report.state === 'down' && status.state !== 'booted') return status
  // OK to a reboot and the report `booting` of a slow daemon may cross.
  if (report.state === 'booting' && status.state !== 'down' && status.state !== 'lost') {
    return report.mode === undefined || report.mode === status.mode
      ? status
      : { ...status, mode: report.mode }
  }
  const mode = report.mode ?? status.mode
  const degraded = report.state === 'booted' && report.degraded === true
  const same = report.state === status.state && degraded === (status.degraded ?? false)
  const cause = report.cause ?? (same ? status.cause : undefined)
  if (same && mode === status.mode && cause === status.cause) return status
  const next = moved(status, report.state, now, cause)
  if (report.state === status.state && cause !== status.cause) next.causeSince = now
  if (degraded) next.degraded = true
  if (report.state === 'booted') next.bootTries = 0
  return mode === undefined ? next : { ...next, mode }
}

/** The first that a user space says, whatever was said by the one before. */
function inNextUserSpace(
  status: NodeStatus,
  report: NodeState & { userSpace: number },
  now: number,
): NodeStatus {
  const { state, userSpace, mode = status.mode, cause = userspaceCause } = report
  const bootTries = state === 'booted' ? 0 : status.bootTries
  const next: NodeStatus = { ...moved(status, state, now, cause), since: now, userSpace, bootTries }
  if (state === 'booted' && report.degraded) next.degraded = true
  return mode === undefined ? next : { ...next, mode }
}

function moved(status: NodeStatus, state: NodeStateName, now: number, cause: string | undefined): NodeStatus {
  const { cause: _, degraded: __, causeSince: ___, ...kept } = status
  const since = state === status.state ? status.since : now
  return { ...kept, state, since, ...(cause === undefined ? {} : { cause }) }
}
