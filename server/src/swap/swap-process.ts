/**
 * The swap server as a process of its own, watched over: started again when it ends, with all that it must know. What it
 * is to be told while it is away is in the table that its next start begins with.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createBackoff } from '@walt/shared/backoff'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import * as v from 'valibot'
import type { Log } from '../log.ts'
import { createBootTable } from './boot-table.ts'
import { type SwapBoot, type SwapOrder, type SwapSettings, swapNews } from './messages.ts'
import type { SwapEvent, SwapStatus } from './swap-event.ts'

export type SwapProcess = {
  /** @throws WaltError `swap-listen`, `swap-on-tmpfs`, `swap-failed` */
  start: () => Promise<void>
  stop: () => Promise<void>
  /** Tells whose swap is to be had from an address: the node's current boot. */
  allow: (boot: SwapBoot) => void
  /** The node is gone: nobody has its address any more, and its files are deleted. */
  deny: (node: string) => void
  /** The node's boots but the given one are over. */
  forget: (node: string, keepBootId: string | undefined) => void
  drop: (node: string, bootId: string) => void
  /** As it was told last, at most swapFiguresMs ago; `pid` is absent while it is being started. */
  status: () => SwapStatus & { pid?: number; restarts: number }
  port: () => number
}

/** A small heap: what it works on are buffers outside of it. */
const execArgv = [
  '--no-warnings',
  '--max-semi-space-size=1',
  '--max-old-space-size=128',
  '--single-threaded-gc',
]

export function createSwapProcess(options: {
  /** Path of the program, from `prepareSwapProgram`. */
  program: string
  settings: SwapSettings
  /** The nodes whose older boots may run still. */
  othersMayLive: (node: string) => boolean
  onEvent: (event: SwapEvent) => void
  random: () => number
  log: Log
}): SwapProcess {
  const { settings, onEvent, log } = options
  const table = createBootTable()
  const nodes = new Set<string>()
  const backoff = createBackoff({
    minMs: limits.swapRestartMinMs,
    maxMs: limits.swapRestartMaxMs,
    random: options.random,
  })
  let child: ChildProcess | undefined
  let pid: number | undefined
  let port = settings.port
  let restarts = 0
  let stopped = true
  let status: SwapStatus = { connections: 0, usedBytes: 0, quotaBytes: settings.quotaBytes, swaps: [] }

  function send(order: SwapOrder): void {
    // One that is ending is followed by one that is told everything.
    if (child?.connected) child.send(order, () => undefined)
  }

  /** Resolves when it listens. */
  function launch(): Promise<void> {
    // In a session of its own a terminal's signals do not reach it.
    const started = fork(options.program, [], {
      execArgv,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    })
    const bornAt = performance.now()
    child = started
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        reject(
          new WaltError('swap-failed', `The swap server did not start in ${limits.swapStartMs / 1000} s.`),
        )
        started.kill('SIGKILL')
      }, limits.swapStartMs)
      started.on('message', (message) => {
        const result = v.safeParse(swapNews, message)
        if (!result.success)
          return log.error(`The swap server said something odd: ${result.issues[0].message}`)
        const news = result.output
        if (news.type === 'listening') {
          pid = started.pid
          port = news.port
          clearTimeout(late)
          resolve()
        } else if (news.type === 'failed') reject(new WaltError(news.code, news.message))
        else if (news.type === 'status') status = news.status
        else onEvent(news.event)
      })
      started.once('error', (cause) => {
        reject(
          new WaltError('swap-failed', `The swap server cannot be started: ${reasonOf(cause)}`, { cause }),
        )
      })
      started.once('exit', (code, signal) => {
        clearTimeout(late)
        reject(new WaltError('swap-failed', `The swap server ended (${signal ?? `status ${code}`}).`))
        ended(started, String(signal ?? `status ${code}`), performance.now() - bornAt)
      })
      const boots = [...nodes].flatMap((node) => {
        const boot = table.ofNode(node)
        return boot ? [{ ...boot, othersMayLive: options.othersMayLive(node) }] : []
      })
      send({ type: 'start', settings: { ...settings, port }, boots })
    })
  }

  function ended(which: ChildProcess, why: string, livedMs: number): void {
    if (child !== which) return
    const served = pid !== undefined
    child = undefined
    pid = undefined
    status = { ...status, connections: 0, swaps: status.swaps.map((one) => ({ ...one, connections: 0 })) }
    // One that never listened has told whoever asked for the start.
    if (stopped || (!served && restarts === 0)) return
    if (livedMs > limits.swapLongLifeMs) backoff.reset()
    const waitMs = backoff.nextMs()
    log.error(`The swap server ended (${why}); it is started again in ${waitMs} ms. Swap files are kept.`)
    setTimeout(() => {
      if (stopped) return
      restarts += 1
      launch().then(
        () => log.info(`The swap server is up again, as process ${pid}.`),
        (thrown) => log.error(reasonOf(thrown)),
      )
    }, waitMs)
  }

  return {
    async start() {
      stopped = false
      await launch()
    },
    async stop() {
      stopped = true
      const ending = child
      child = undefined
      pid = undefined
      if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
      const exited = once(ending, 'exit')
      // What it has written is in the page cache: there is nothing to be said to it.
      ending.kill('SIGKILL')
      await exited
    },
    allow(boot) {
      const known = table.ofNode(boot.node)
      if (known?.bootId === boot.bootId && known.address === boot.address) return
      table.allow(boot)
      nodes.add(boot.node)
      send({ type: 'allow', boot })
    },
    deny(node) {
      if (!nodes.delete(node)) return
      table.deny(node)
      send({ type: 'deny', node })
      send({ type: 'forget', node })
    },
    forget: (node, keepBootId) =>
      send({ type: 'forget', node, ...(keepBootId === undefined ? {} : { keepBootId }) }),
    drop: (node, bootId) => send({ type: 'drop', node, bootId }),
    status: () => ({ ...status, restarts, ...(pid === undefined ? {} : { pid }) }),
    port: () => port,
  }
}
