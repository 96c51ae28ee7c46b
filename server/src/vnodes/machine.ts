/**
 * A virtual node's machine: a process that this server starts, and starts anew whenever it ends, since a node that
 * reboots ends its process (see qemu.ts, uml.ts). Every start asks for fresh boot parameters.
 *
 *   off --start--> starting --process runs--> running --process ends--> starting --stop--> off
 *   off --adopt: the process of an earlier server goes on--> running
 *
 * A start that fails, and a life too short to be a boot, make the next start wait, longer each time.
 */
import { createBackoff } from '@walt/shared/backoff'
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { adoptLasting, type LastingProcess, startLasting } from '../lasting-process.ts'
import type { Log } from '../log.ts'
import { withKeptConsole } from './console-keeper.ts'
import type { MachineBoot, MachineCommand } from './machine-command.ts'

export type Machine = {
  /** Takes over the process that an earlier server started; false where there is none. */
  adopt(): Promise<boolean>
  /** Returns when the first process was started, or its start has failed and will be tried again. */
  start(): Promise<void>
  /** Ends the process; returns when it is gone. */
  stop(): Promise<void>
  /** Power off and on. */
  restart(): Promise<void>
  running(): boolean
  readonly consolePath: string
}

export function createMachine(options: {
  name: string
  consolePath: string
  /** Of its process, see lasting-process.ts. */
  record: string
  /** Begins a boot. */
  nextBoot: () => Promise<MachineBoot>
  commandOf: (boot: MachineBoot) => MachineCommand
  onStart: (bootId: string) => void
  onExit: (reason: string) => void
  now: () => number
  random: () => number
  log: Log
}): Machine {
  const { name, consolePath, record, log } = options
  const backoff = createBackoff({
    minMs: limits.machineBackoffMinMs,
    maxMs: limits.machineBackoffMaxMs,
    random: options.random,
  })
  let wanted = false
  let running: LastingProcess | undefined
  let over: Promise<void> = Promise.resolve()
  let cause: string | undefined
  let timer: NodeJS.Timeout | undefined
  /** Starts come one after the other. */
  let starting: Promise<void> = Promise.resolve()

  function begin(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    starting = starting.then(async () => {
      if (!wanted || running) return
      try {
        const boot = await options.nextBoot()
        if (wanted) run(boot)
      } catch (thrown) {
        log.error(`${name} cannot be started: ${reasonOf(thrown)}`)
        again(backoff.nextMs())
      }
    })
    return starting
  }

  function again(waitMs: number): void {
    if (!wanted) return
    timer = setTimeout(begin, waitMs)
  }

  function run(boot: MachineBoot): void {
    const { command, args, environment } = options.commandOf(boot)
    follow(
      startLasting({
        record,
        command: withKeptConsole(consolePath, limits.consoleMaxBytes, [command, ...args]),
        environment,
        output: consolePath,
      }),
      options.now(),
    )
    options.onStart(boot.bootId)
  }

  /** Until it ends. @param startedAt undefined: long ago */
  function follow(started: LastingProcess, startedAt: number | undefined): void {
    running = started
    cause = undefined
    over = started.ended.then((reason) => {
      running = undefined
      options.onExit(cause ?? reason)
      const lived = startedAt === undefined ? limits.machineShortLifeMs : options.now() - startedAt
      if (lived >= limits.machineShortLifeMs) backoff.reset()
      const short = cause === undefined && lived < limits.machineShortLifeMs
      if (short) log.warn(`${name} ended after ${lived} ms (${reason}); its console: ${consolePath}`)
      // Whoever ended it starts it anew, once all of it is gone.
      if (cause === undefined) again(short ? backoff.nextMs() : 0)
    })
  }

  async function end(why: string): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    await starting
    const ending = running
    if (!ending) return
    cause = why
    await ending.end()
    await over
  }

  return {
    consolePath,
    running: () => running !== undefined,
    async adopt() {
      const found = await adoptLasting(record)
      if (!found) return false
      wanted = true
      log.info(`${name} goes on (process ${found.pid})`)
      follow(found, undefined)
      return true
    },
    async start() {
      wanted = true
      await begin()
    },
    async stop() {
      wanted = false
      await end('stopped')
    },
    async restart() {
      wanted = true
      try {
        await end('hard-reboot')
      } finally {
        await begin()
      }
    },
  }
}
