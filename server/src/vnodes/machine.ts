/**
 * A virtual node's machine: a process that this server starts, and starts anew whenever it ends, since a node that
 * reboots ends its process (see qemu.ts, uml.ts). Every start asks for fresh boot parameters.
 *
 *   off --start--> starting --process runs--> running --process ends--> starting --stop--> off
 *
 * A start that fails, and a life too short to be a boot, make the next start wait, longer each time.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createBackoff } from '@walt/shared/backoff'
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { diesWithServer, endConfined } from '../confined.ts'
import type { Log } from '../log.ts'
import { openConsoleFile } from './console-file.ts'
import type { MachineBoot, MachineCommand } from './machine-command.ts'

export type Machine = {
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
  /** Begins a boot. */
  nextBoot: () => Promise<MachineBoot>
  commandOf: (boot: MachineBoot) => MachineCommand
  onStart: (bootId: string) => void
  onExit: (reason: string) => void
  now: () => number
  random: () => number
  log: Log
}): Machine {
  const { name, consolePath, log } = options
  const backoff = createBackoff({
    minMs: limits.machineBackoffMinMs,
    maxMs: limits.machineBackoffMaxMs,
    random: options.random,
  })
  let wanted = false
  let child: ChildProcess | undefined
  let ended: Promise<void> = Promise.resolve()
  let cause: string | undefined
  let timer: NodeJS.Timeout | undefined
  /** Starts come one after the other. */
  let starting: Promise<void> = Promise.resolve()

  function begin(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    starting = starting.then(async () => {
      if (!wanted || child) return
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
    const [first = '', ...words] = [...diesWithServer, command, ...args]
    const console = openConsoleFile(consolePath, limits.consoleMaxBytes)
    const startedAt = options.now()
    const started = spawn(first, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, ...environment },
    })
    child = started
    cause = undefined
    let unwritten = false
    const keep = (chunk: Buffer) => {
      try {
        console.write(chunk)
      } catch (thrown) {
        // A full disk must not end the machine, let alone the server.
        if (!unwritten) log.warn(`${name}: its console is not kept: ${reasonOf(thrown)}`)
        unwritten = true
      }
    }
    started.stdout.on('data', keep)
    started.stderr.on('data', keep)
    ended = new Promise((resolve) => {
      // Whichever of the two comes first: a program that is missing never exits.
      let over = false
      const end = (reason: string) => {
        if (over) return
        over = true
        console.close()
        child = undefined
        options.onExit(cause ?? reason)
        const lived = options.now() - startedAt
        if (lived >= limits.machineShortLifeMs) backoff.reset()
        const short = cause === undefined && lived < limits.machineShortLifeMs
        if (short) log.warn(`${name} ended after ${lived} ms (${reason}); its console: ${consolePath}`)
        if (wanted) again(short ? backoff.nextMs() : 0)
        resolve()
      }
      started.once('error', (error) => end(reasonOf(error)))
      started.once('close', (code, signal) => end(signal ? `killed by ${signal}` : `status ${code}`))
    })
    options.onStart(boot.bootId)
  }

  async function end(why: string): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    await starting
    if (!child) return
    cause = why
    // The first of its process namespace goes with it, and all others with that one.
    endConfined(child)
    await ended
  }

  return {
    consolePath,
    running: () => child !== undefined,
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
      await end('hard-reboot')
      await begin()
    },
  }
}
