/** Does what `keepSwap` says, and tells it what it sees. Nothing here waits, and nothing touches NFS. */
import { closeSync, openSync, readSync } from 'node:fs'
import { createBackoff } from '@walt/shared/backoff'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { NodeLog } from '@walt/shared/payloads'
import type { Kernel } from '../linux/kernel.ts'
import { kernelCallFailed } from '../linux/kernel-errors.ts'
import { beginNbdAttempt, type NbdAttempt } from '../linux/nbd-attempt.ts'
import { encodeNbdReconfigure, type NbdPeer, nbdFamily } from '../linux/nbd-device.ts'
import { decodeAnswer } from '../linux/netlink.ts'
import { watchSwapFailures } from './swap-failures.ts'
import { type KeeperAction, type KeeperEvent, keeperStart, keepSwap } from './swap-keeper.ts'

export type SwapKeepingOptions = {
  kernel: Pick<
    Kernel,
    | 'beginConnect'
    | 'connected'
    | 'sendNow'
    | 'receiveNow'
    | 'closeDescriptor'
    | 'tcpHealth'
    | 'shutDownSocket'
    | 'genericNetlink'
  >
  peer: NbdPeer
  /** /sys/block/nbd0/inflight */
  inFlightPath: string
  /** /dev/kmsg */
  kernelLogPath: string
  nowMs: () => number
  random: () => number
  say: (level: NodeLog['level'], message: string) => void
  /** May be called again as long as the machine runs. */
  reboot: (cause: string) => void
}

export type SwapKeeping = {
  /** Undefined while the swap works. */
  lostSeconds(): number | undefined
  stop(): void
}

export function startSwapKeeping(options: SwapKeepingOptions): SwapKeeping {
  const { kernel, peer, nowMs, say } = options
  const family = nbdFamily(kernel, limits.nbdNetlinkMs)
  const inFlightFile = openSync(options.inFlightPath, 'r')
  const inFlightText = Buffer.alloc(64)
  const failures = watchSwapFailures(options.kernelLogPath)
  const backoff = createBackoff({
    minMs: limits.swapRetryMinMs,
    maxMs: limits.swapRetryMaxMs,
    random: options.random,
  })
  let state = keeperStart
  let stopped = false
  let descriptor: number | undefined
  let attempt: (NbdAttempt & { deadlineMs: number }) | undefined
  let stepping: NodeJS.Timeout | undefined
  let ready: number | undefined

  /** "reads writes": requests that the driver has and has not answered. */
  function isInFlight(): boolean {
    const length = readSync(inFlightFile, inFlightText, 0, inFlightText.length, 0)
    return /[1-9]/.test(inFlightText.toString('latin1', 0, length))
  }

  function take(event: KeeperEvent): void {
    const decided = keepSwap(state, event)
    state = decided.state
    for (const action of decided.actions) act(action)
  }

  function act(action: KeeperAction): void {
    if (action.kind === 'begin-attempt') beginAttempt()
    else if (action.kind === 'drop-attempt') dropAttempt()
    else if (action.kind === 'replace') replace()
    else if (action.kind === 'offer') offer()
    else if (action.kind === 'reboot') options.reboot(action.cause)
    else if (action.kind === 'tell-lost') say('warning', `swap lost: ${action.reason}`)
    else {
      backoff.reset()
      say('info', `swap is back after ${(action.afterMs / 1000).toFixed(1)} s`)
    }
  }

  function beginAttempt(): void {
    try {
      const deadlineMs = nowMs() + limits.swapAttemptMs
      attempt = { ...beginNbdAttempt(kernel, peer), deadlineMs }
      stepping = setInterval(guarded(stepAttempt), limits.swapStepMs)
    } catch (thrown) {
      failed(thrown)
    }
  }

  function stepAttempt(): void {
    if (!attempt) return
    try {
      const fd = attempt.step()
      if (fd === undefined) {
        if (nowMs() > attempt.deadlineMs) {
          throw new WaltError('deadline-passed', `no answer within ${limits.swapAttemptMs / 1000} s`)
        }
        return
      }
      clearInterval(stepping)
      attempt = undefined
      ready = fd
      const { acknowledgedBytes } = kernel.tcpHealth({ fd })
      take({ kind: 'ready', nowMs: nowMs(), acknowledgedBytes })
    } catch (thrown) {
      dropAttempt()
      failed(thrown)
    }
  }

  function failed(thrown: unknown): void {
    const gone = thrown instanceof WaltError && thrown.code === 'swap-gone'
    take({ kind: 'failed', nowMs: nowMs(), gone, reason: reasonOf(thrown), waitMs: backoff.nextMs() })
  }

  function dropAttempt(): void {
    clearInterval(stepping)
    attempt?.drop()
    attempt = undefined
  }

  function replace(): void {
    const before = descriptor
    descriptor = ready
    ready = undefined
    if (before !== undefined) {
      kernel.shutDownSocket(before)
      kernel.closeDescriptor(before)
    }
    offer()
  }

  function offer(): void {
    if (descriptor === undefined) return
    const message = encodeNbdReconfigure({ family, fd: descriptor })
    const answer = decodeAnswer(kernel.genericNetlink({ message, withinMs: limits.nbdNetlinkMs }))
    if (answer.kind === 'error' && answer.errno !== 0) {
      throw kernelCallFailed('give the NBD driver a connection', answer.errno)
    }
  }

  function look(): void {
    const health = descriptor === undefined ? undefined : kernel.tcpHealth({ fd: descriptor })
    take({ kind: 'look', nowMs: nowMs(), health, inFlight: isInFlight() })
    if (failures.seen()) options.reboot('the kernel could not read swap, so that bytes are lost')
  }

  let said = ''
  /** What fails now is tried again; each reason is said once in a row. */
  function guarded(work: () => void): () => void {
    return () => {
      try {
        work()
      } catch (thrown) {
        const reason = reasonOf(thrown)
        if (reason !== said) say('error', `the swap's connection cannot be kept: ${reason}`)
        said = reason
      }
    }
  }

  const looking = setInterval(guarded(look), limits.swapLookMs)
  return {
    lostSeconds: () =>
      state.lostSinceMs === undefined ? undefined : Math.round((nowMs() - state.lostSinceMs) / 1000),
    /** The driver keeps the connection. */
    stop() {
      if (stopped) return
      stopped = true
      clearInterval(looking)
      dropAttempt()
      failures.close()
      closeSync(inFlightFile)
      if (descriptor !== undefined) kernel.closeDescriptor(descriptor)
    },
  }
}
