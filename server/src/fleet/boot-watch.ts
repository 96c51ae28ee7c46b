/**
 * Looks after nodes that do not come back: after `boot.timeout` a node whose power can be cycled is hard-rebooted, at
 * most `boot.retries` times, and then given up as lost. The decision is pure; a slow timer acts on it.
 */
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { effectiveNodeSettings } from '@walt/shared/node-settings'
import type { Log } from '../log.ts'
import type { PowerOption } from '../power/power-driver.ts'
import type { Fleet, FleetNode } from './fleet.ts'
import type { NodeRecord } from './node-record.ts'
import type { NodeEvent, NodeStatus } from './node-status.ts'

type BootWatchEvent = Extract<NodeEvent, { type: 'boot-timed-out' | 'given-up' }>

const isOnItsWay = ({ state }: NodeStatus) => state === 'booting' || state === 'rebooting'

/** `watchedSince`: a server that has just started cannot know what it missed, so its clock starts anew for all. */
export function decideOnBoot(
  { record, status }: FleetNode,
  power: PowerOption,
  watchedSince: number,
  now: number,
): BootWatchEvent | undefined {
  if (!isOnItsWay(status)) return undefined
  const settings = effectiveNodeSettings(record.settings)
  const timeout = settings['boot.timeout']
  if (timeout === 'none') return undefined
  const timeoutSeconds = Number(timeout)
  // What seems to be yet to come is of before the clock was set back.
  const heard = [status.since, status.heardAt ?? 0].filter((at) => at <= now)
  if (now - Math.max(watchedSince, ...heard) < timeoutSeconds * 1000) return undefined
  const late = `not booted within ${timeoutSeconds} s`
  if (!power.available) return { type: 'given-up', reason: `${late}, and ${power.reason}` }
  if (status.bootTries < settings['boot.retries']) return { type: 'boot-timed-out', timeoutSeconds }
  return {
    type: 'given-up',
    reason: `${late}, after ${status.bootTries} hard reboot${status.bootTries === 1 ? '' : 's'}`,
  }
}

/**
 * Since when boots are watched. A clock that is set (the first answer of NTP, a person) is no time that has passed: then
 * the watch begins anew for all, as a server does that has just started.
 */
export function createWatchStart(wallMs: number, monotonicMs: number) {
  let since = wallMs
  let offset = wallMs - monotonicMs
  return {
    since: () => since,
    look(wall: number, monotonic: number): void {
      if (Math.abs(wall - monotonic - offset) > limits.clockJumpMs) since = wall
      offset = wall - monotonic
    },
  }
}

export function createBootWatch(options: {
  fleet: Fleet
  powerOption: (record: NodeRecord) => PowerOption
  hardReboot: (name: string) => Promise<void>
  now: () => number
  /** A clock that nobody sets, from any point in time. */
  monotonic: () => number
  log: Log
}): { start(): void; stop(): void; look(): Promise<void> } {
  const { fleet, powerOption, hardReboot, now, monotonic, log } = options
  let timer: NodeJS.Timeout | undefined
  let watched = createWatchStart(now(), monotonic())

  async function look(): Promise<void> {
    const work: Promise<void>[] = []
    watched.look(now(), monotonic())
    for (const node of fleet.list()) {
      // Of a large fleet, all but a few.
      if (!isOnItsWay(node.status)) continue
      const { name } = node.record
      const event = decideOnBoot(node, powerOption(node.record), watched.since(), now())
      if (!event) continue
      fleet.record(name, event)
      if (event.type === 'given-up') continue
      const failed = (thrown: unknown) => log.error(`${name}: hard reboot failed: ${reasonOf(thrown)}`)
      work.push(hardReboot(name).catch(failed))
    }
    await Promise.all(work)
  }

  return {
    start() {
      watched = createWatchStart(now(), monotonic())
      timer = setInterval(() => void look(), limits.bootWatchMs)
    },
    stop: () => clearInterval(timer),
    look,
  }
}
