/**
 * The swap server: NBD exports `swap-16G`, `swap-512M` ..., each one sparse file that belongs to a node's boot.
 * The file outlives connections (a cable pulled) and this program (a restart); it goes with the boot.
 */
import fs from 'node:fs'
import { createServer, isIP, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { humanSize } from '@walt/shared/sizes'
import { type ConnectionEvents, serveConnection } from './connection.ts'
import { createSpaceLimit, freeDiskBytes, refuseMemoryFileSystem } from './disk-space.ts'
import { exportsFor } from './exports.ts'
import { type HoleCalls, loadHoleCalls } from './ffi.ts'
import { createQuota, type SpaceLevel } from './quota.ts'
import { createReplyBuffers } from './reply-buffers.ts'
import type { SwapEvent, SwapStatus } from './swap-event.ts'
import { type BootSwap, createSwapFiles, type SwapOwner } from './swap-files.ts'
import { createTurns } from './turns.ts'

export type SwapServer = {
  /** @throws WaltError `swap-listen` */
  start: () => Promise<void>
  /** Ends at once, whatever the peers do. Files stay for the next start. */
  stop: () => Promise<void>
  /** Closes the connections and deletes the files of the boots that are gone. */
  remove: (gone: (owner: SwapOwner) => boolean) => void
  status: () => SwapStatus
  /** The port that it listens on, also when 0 was asked for. */
  port: () => number
}

export type SwapServerOptions = {
  hosts: readonly string[]
  port: number
  folder: string
  /** Of all files together. */
  quotaBytes: number
  /** Of one boot's file. */
  nodeQuotaBytes?: number
  /** What is left free on the disk. */
  reserveBytes?: number
  /** How long a peer may take no reply. */
  sendMs?: number
  /** Whose swap a peer asks for; undefined when it is to have none. */
  allow: (peerAddress: string) => SwapOwner | undefined
  onEvent: (event: SwapEvent) => void
  now?: () => number
  wrap?: Parameters<typeof createSwapFiles>[0]['wrap']
}

/** @throws WaltError `swap-on-tmpfs` */
export async function createSwapServer(options: SwapServerOptions): Promise<SwapServer> {
  const { folder, onEvent, reserveBytes = 0, sendMs = limits.swapSendMs } = options
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  refuseMemoryFileSystem(folder)
  const holes = await holesOrNone(folder, onEvent)
  const limit = createSpaceLimit({
    quotaBytes: options.quotaBytes,
    reserveBytes,
    freeBytes: () => freeDiskBytes(folder),
  })
  const quota = createQuota({ limitBytes: limit.limitBytes, onLevel: tellOfSpace(onEvent, undefined) })
  const files = createSwapFiles({
    folder,
    holes,
    now: options.now ?? Date.now,
    quotaFor: ({ node }) =>
      createQuota({
        limitBytes: () => options.nodeQuotaBytes ?? Number.POSITIVE_INFINITY,
        within: quota,
        onLevel: tellOfSpace(onEvent, node),
      }),
    ...(options.wrap ? { wrap: options.wrap } : {}),
  })
  const buffers = createReplyBuffers()
  const turns = createTurns()
  const readBuffer = Buffer.allocUnsafeSlow(limits.swapReadBufferBytes)
  const sockets = new Map<Socket, { peer: string; swap?: BootSwap }>()
  const servers: Server[] = []
  let connectionNumber = 0
  let spaceTimer: NodeJS.Timeout | undefined

  function refreshSpace(): void {
    limit.refresh(quota.usedBytes())
    quota.check()
  }
  refreshSpace()

  function accept(accepted: Socket): void {
    const peer = peerAddress(accepted)
    const connections = [...sockets.values()].filter((one) => one.peer === peer).length
    if (sockets.size >= limits.swapConnectionsMax || connections >= limits.swapConnectionsPerPeerMax) {
      const message = `A connection of ${peer} was refused: it has ${connections}, all have ${sockets.size}.`
      onEvent({ kind: 'refused', level: 'warning', message })
      accepted.destroy()
      return
    }
    const state: { peer: string; swap?: BootSwap } = { peer }
    connectionNumber += 1
    const failed = createFailureReport(onEvent, peer)
    const events: ConnectionEvents = {
      attached(swap) {
        state.swap = swap
        files.connected(swap, 1)
        const message = `${swap.node} at ${peer} is connected to its swap of boot ${swap.bootId}, ${humanSize(swap.sizeBytes)}.`
        onEvent({ kind: 'attached', level: 'info', node: swap.node, message })
      },
      claimed: (swap) => dropOlder(socket, swap),
      failed,
      dropped(reason) {
        const node = state.swap && { node: state.swap.node }
        const message = `The swap connection of ${peer} was dropped: ${reason}.`
        onEvent({ kind: 'dropped', level: 'warning', ...node, message })
      },
    }
    const owner = () => options.allow(peer)
    const seen = exportsFor({ peer, owner, files, holes: holes !== undefined })
    const number = connectionNumber
    const given = { accepted, readBuffer, number, buffers, turns, sendMs, events }
    const socket = serveConnection({ ...given, ...seen })
    sockets.set(socket, state)
    socket.on('close', () => {
      sockets.delete(socket)
      if (!state.swap) return
      files.connected(state.swap, -1)
      const { node } = state.swap
      const message = `${node} at ${peer} is disconnected from its swap.`
      onEvent({ kind: 'detached', level: 'info', node, message })
    })
  }

  /** A peer that has come back over a new connection may have left half-open ones. */
  function dropOlder(socket: Socket, swap: BootSwap): void {
    for (const [other, state] of sockets) {
      // The map has them in the order of their coming.
      if (other === socket) return
      if (state.swap !== swap) continue
      const message = `An older swap connection of ${swap.node} was ended: it has a newer one.`
      onEvent({ kind: 'replaced', level: 'info', node: swap.node, message })
      other.destroy()
    }
  }

  return {
    async start() {
      for (const host of options.hosts) servers.push(await listen(host, options.port, accept, onEvent))
      spaceTimer = setInterval(refreshSpace, limits.swapSpaceCheckMs)
    },
    async stop() {
      clearInterval(spaceTimer)
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)))
      for (const socket of sockets.keys()) socket.destroy()
      servers.length = 0
      await Promise.all(closed)
      files.close()
    },
    remove(gone) {
      for (const [socket, { swap }] of sockets) if (swap && gone(swap)) socket.destroy()
      const names = files.remove(gone)
      if (names.length === 0) return
      const message = `Swap files of boots that are over were deleted: ${names.slice(0, 8).join(', ')}${names.length > 8 ? ` and ${names.length - 8} more` : ''}.`
      onEvent({ kind: 'deleted', level: 'info', message })
    },
    status: () => ({
      connections: [...sockets.values()].filter((one) => one.swap).length,
      usedBytes: quota.usedBytes(),
      quotaBytes: limit.limitBytes(quota.usedBytes(), false),
      swaps: files.figures(),
    }),
    port() {
      const address = servers[0]?.address()
      return typeof address === 'object' && address ? address.port : options.port
    },
  }
}

/** `node` is absent where it is about all of them. */
function tellOfSpace(onEvent: (event: SwapEvent) => void, node: string | undefined) {
  return (level: SpaceLevel, usedBytes: number, limitBytes: number) => {
    const whose = node === undefined ? 'the nodes' : node
    const use = `${humanSize(usedBytes)} of ${humanSize(limitBytes)} of disk space for the swap of ${whose} are in use`
    const meaning = {
      normal: 'less than four fifths again',
      high: 'more than four fifths',
      full: '"no space left" is answered from now on',
    }[level]
    onEvent({
      kind: `space-${level}`,
      level: level === 'normal' ? 'info' : 'warning',
      ...(node === undefined ? {} : { node }),
      message: `${use}: ${meaning}.`,
    })
  }
}

/** Holes need both the system call and a file system that has them. */
async function holesOrNone(
  folder: string,
  onEvent: (event: SwapEvent) => void,
): Promise<HoleCalls | undefined> {
  const probe = join(folder, '.holes')
  try {
    const holes = await loadHoleCalls()
    const fd = fs.openSync(probe, 'w', 0o600)
    try {
      fs.writeSync(fd, Buffer.alloc(limits.swapBlockBytes))
      holes.punchHole(fd, 0, limits.swapBlockBytes)
      holes.dataRanges(fd)
    } finally {
      fs.closeSync(fd)
      fs.rmSync(probe)
    }
    return holes
  } catch (thrown) {
    const message = `Swap has no TRIM: holes cannot be punched in files of ${folder}: ${reasonOf(thrown)}`
    onEvent({ kind: 'notice', level: 'warning', message })
    return undefined
  }
}

/** IPv4 as it is written, also when it came in by an IPv6 socket. */
function peerAddress(socket: Socket): string {
  const address = socket.remoteAddress ?? ''
  const plain = address.replace(/^::ffff:/, '')
  return isIP(plain) === 4 ? plain : address
}

/** One event a connection and kind of failure: a node whose swap is full would write thousands. */
function createFailureReport(onEvent: (event: SwapEvent) => void, peer: string): ConnectionEvents['failed'] {
  const seen = new Set<string>()
  return ({ node }, command, thrown) => {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown'
    // Quotas have events of their own.
    if (code === 'swap-quota-full' || seen.has(code)) return
    seen.add(code)
    const message = `A request of ${node} at ${peer} for its swap failed (NBD command ${command}): ${reasonOf(thrown)}`
    onEvent({ kind: 'request-failed', level: 'warning', node, message })
  }
}

function listen(
  host: string,
  port: number,
  accept: (socket: Socket) => void,
  onEvent: (event: SwapEvent) => void,
): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ pauseOnConnect: true }, accept)
    server.on('error', (cause) => {
      // Once it listens, an error concerns one connection that could not be accepted, such as for want of descriptors.
      if (server.listening) {
        const message = `A swap connection could not be accepted: ${cause.message}`
        onEvent({ kind: 'notice', level: 'warning', message })
      }
      const message = `The swap server cannot listen on ${host} port ${port}: ${cause.message}.`
      reject(new WaltError('swap-listen', message, { cause }))
    })
    server.listen(port, host, () => resolve(server))
  })
}
