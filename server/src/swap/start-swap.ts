/** The swap process as the server uses it: told of boots as they begin, listened to, and rid of what nobody comes for. */
import { join } from 'node:path'
import { limits } from '@walt/shared/limits'
import type { NodeLog } from '@walt/shared/payloads'
import type { ServerConfig } from '../config.ts'
import type { BootTickets } from '../fleet/boot-tickets.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Log } from '../log.ts'
import { forgottenSwaps } from './forgotten-swaps.ts'
import type { SwapEvent } from './swap-event.ts'
import { createSwapProcess, type SwapProcess } from './swap-process.ts'
import { prepareSwapProgram } from './swap-program.ts'

export async function startSwap(options: {
  config: ServerConfig
  fleet: Pick<Fleet, 'list' | 'find' | 'subscribe'>
  tickets: Pick<BootTickets, 'current'>
  hosts: readonly string[]
  /** For the log of a node, which its user reads. */
  tellNode: (node: string, entry: NodeLog) => void
  now: () => number
  log: Log
}): Promise<SwapProcess> {
  const { config, fleet, tickets, hosts, tellNode, now, log } = options
  const { port, quotaBytes, nodeQuotaBytes, reserveBytes, graceMs } = config.swap
  const swap = createSwapProcess({
    program: await prepareSwapProgram(join(config.state, 'cache'), log),
    settings: {
      hosts: [...hosts],
      port,
      folder: join(config.state, 'swap'),
      quotaBytes,
      nodeQuotaBytes,
      reserveBytes,
    },
    // Until the newest boot has spoken, the system of the one before may run still (kexec).
    othersMayLive: (node) => fleet.find(node)?.status.state !== 'booted',
    onEvent,
    random: Math.random,
    log,
  })

  function onEvent({ kind, level, node, message }: SwapEvent): void {
    if (level === 'warning') log.warn(`swap: ${message}`)
    else log.info(`swap: ${message}`)
    if (node === undefined || !(kind.startsWith('space-') || kind === 'request-failed')) return
    tellNode(node, { at: now(), level, message })
  }

  function allow(name: string, address: string): void {
    const ticket = tickets.current(name)
    if (ticket) swap.allow({ node: name, bootId: ticket.bootId, address })
  }
  for (const { record } of fleet.list()) allow(record.name, record.address)
  const unsubscribe = fleet.subscribe(({ name, node, before }) => {
    if (!node) swap.deny(name)
    // Another state of the same boot is no news for swap.
    else if (before?.bootId === undefined || before.bootId !== node.status.bootId)
      allow(name, node.record.address)
  })

  const grace = setInterval(() => {
    const nodes = new Map(fleet.list().map(({ record, status }) => [record.name, status]))
    for (const { node, bootId } of forgottenSwaps({
      swaps: swap.status().swaps,
      nodes,
      graceMs,
      now: now(),
    })) {
      log.warn(`${node} has been gone for more than ${graceMs / 1000} s: its swap is deleted.`)
      swap.drop(node, bootId)
    }
  }, limits.swapGraceCheckMs)
  const stop = async () => {
    clearInterval(grace)
    unsubscribe()
    await swap.stop()
  }
  try {
    await swap.start()
  } catch (thrown) {
    await stop()
    throw thrown
  }
  return { ...swap, stop }
}
