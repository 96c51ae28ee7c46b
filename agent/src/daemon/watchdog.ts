/**
 * The kernel's watchdog: a machine whose daemon shows no sign of life is reset (Documentation/watchdog/watchdog-api.rst).
 * A sign of life is given from the event loop that serves the control port. It says nothing of the root: how long an NFS
 * server is waited for is the matter of root-watch.ts. A daemon that ends without saying goodbye leaves the watchdog
 * running; systemd starts the next one.
 *
 *   watching ─► leaving (a reboot: no more signs; reset unless the machine is gone in time) ─► watching (it failed)
 */
import { closeSync, openSync, readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Kernel } from '../linux/kernel.ts'
import type { ProgramEnd } from './run-program.ts'

export type Watchdog = {
  /** Signs of life go on, with more time between them: another kernel may have to be up before the next one. */
  stretch(seconds: number): void
  /** No more signs of life: the machine is gone within so many seconds, or is reset. */
  leave(seconds: number): void
  /** Back to where it was before `stretch` or `leave`. */
  watch(): void
  /** The daemon ends. `release` sets the watchdog to rest; else it runs on. */
  stop(release: boolean): void
}

export type WatchdogOptions = {
  /** The folder /dev. */
  devices: string
  seconds: number
  kernel: Pick<Kernel, 'setWatchdogTimeout' | 'watchdogTimeout'>
  /** Loads the module softdog where the machine has no watchdog. */
  loadSoftdog: () => Promise<ProgramEnd>
  log: (message: string) => void
  warn: (message: string) => void
}

/** Undefined, with a word why, where there is no watchdog. */
export async function startWatchdog(options: WatchdogOptions): Promise<Watchdog | undefined> {
  const { devices, log, warn } = options
  const find = () => watchdogAmong(readdirSync(devices))
  try {
    const loaded = find() === undefined ? await options.loadSoftdog() : undefined
    const name = find()
    if (name === undefined) {
      const how = loaded?.kind === 'exited' ? `status ${loaded.status}` : loaded?.kind
      warn(`no watchdog is there, and softdog cannot be loaded (${how}): a machine that hangs is not reset`)
      return undefined
    }
    const watchdog = createWatchdog(openSync(join(devices, name), 'w'), options)
    log(`the watchdog resets this machine after ${watchdog.seconds} s without a sign of life`)
    return watchdog
  } catch (thrown) {
    warn(`the watchdog cannot be used: ${reasonOf(thrown)}; a machine that hangs is not reset`)
    return undefined
  }
}

/**
 * Pure: the first of watchdog0, watchdog1, ... Plain `watchdog` is one of them by another name, or that of a driver of old,
 * of which nothing is known; then the others begin at 1.
 */
export function watchdogAmong(names: readonly string[]): string | undefined {
  const numbers = names.flatMap((name) => /^watchdog(\d+)$/.exec(name)?.[1] ?? []).map(Number)
  return numbers.length === 0 ? undefined : `watchdog${Math.min(...numbers)}`
}

function createWatchdog(fd: number, options: WatchdogOptions): Watchdog & { seconds: number } {
  const { kernel, warn } = options
  let leaving = false
  const seconds = setTimeoutTo(options.seconds)

  /** A device that cannot have that timeout keeps its own. */
  function setTimeoutTo(wanted: number): number {
    try {
      return kernel.setWatchdogTimeout({ fd, seconds: wanted })
    } catch (thrown) {
      warn(reasonOf(thrown))
      return kernel.watchdogTimeout({ fd })
    }
  }

  function sign(): void {
    try {
      writeSync(fd, '\0')
    } catch (thrown) {
      warn(`the watchdog takes no sign of life: ${reasonOf(thrown)}`)
    }
  }

  function look(): void {
    if (!leaving) sign()
  }

  const timer = setInterval(look, Math.min(limits.watchdogPetMaxMs, (seconds * 1000) / 4))
  look()
  return {
    seconds,
    stretch(longer) {
      if (longer > seconds) setTimeoutTo(longer)
      sign()
    },
    leave(within) {
      leaving = true
      setTimeoutTo(within)
      sign()
    },
    watch() {
      leaving = false
      setTimeoutTo(seconds)
      look()
    },
    stop(release) {
      clearInterval(timer)
      // The "magic close": only a device that was told so stops when it is closed.
      if (release) writeSync(fd, 'V')
      closeSync(fd)
    },
  }
}
