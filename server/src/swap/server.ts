/**
 * The swap server: NBD exports `swap-16G`, `swap-512M` ..., each one sparse file that belongs to a node's boot.
 * The file outlives connections (a cable pulled) and this program (a restart); it goes with the boot.
 */
import fs from 'node:fs'
import { createServer, isIP, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { type NbdExport, nbdFlag, parseSwapExportName, swapExportName } from '@walt/shared/nbd'
import { formatSize } from '@walt/shared/sizes'
import { type ConnectionEvents, serveConnection } from './connection.ts'
import { type HoleCalls, loadHoleCalls } from './ffi.ts'
import type { Exports } from './handshake.ts'
import { createQuota } from './quota.ts'
import { createReplyBuffers } from './reply-buffers.ts'
import { type BootSwap, createSwapFiles, type SwapOwner } from './swap-files.ts'

export type SwapLog = {
  info: (fields: object, message: string) => void
  warn: (fields: object, message: string) => void
}

export type SwapStatus = {
  connections: number
  usedBytes: number
  quotaBytes: number
  swaps: { node: string; bootId: string; sizeBytes: number; usedBytes: number }[]
}

export type SwapServer = {
  /** @throws WaltError `swap-listen` */
  start: () => Promise<void>
  /** Ends at once, whatever the peers do. Files stay for the next start. */
  stop: () => Promise<void>
  /** At start: deletes the files of boots that are over. */
  sweep: (current: readonly SwapOwner[]) => void
  /** The boot is over: its connections are closed and its file is deleted. */
  forgetBoot: (node: string, bootId: string) => void
  status: () => SwapStatus
  /** The port that it listens on, also when 0 was asked for. */
  port: () => number
}

export type SwapServerOptions = {
  hosts: readonly string[]
  port: number
  folder: string
  quotaBytes: number
  /** Whose swap a peer asks for; undefined when it is to have none. */
  allow: (peerAddress: string, exportName: string) => SwapOwner | undefined
  log: SwapLog
  wrap?: Parameters<typeof createSwapFiles>[0]['wrap']
}

/** Offered by NBD_OPT_LIST: what WalT's images ask for. Any other size can be had by its name. */
const listedExport = 'swap-16G'

export async function createSwapServer(options: SwapServerOptions): Promise<SwapServer> {
  const { log } = options
  const holes = await holesOrNone(options.folder, log)
  const quota = createQuota(options.quotaBytes, () =>
    log.warn(
      { quotaBytes: options.quotaBytes },
      'swap: the quota is reached, nodes get "no space" from now on',
    ),
  )
  const files = createSwapFiles({
    folder: options.folder,
    quota,
    holes,
    ...(options.wrap ? { wrap: options.wrap } : {}),
  })
  const buffers = createReplyBuffers()
  const sockets = new Map<Socket, { peer: string; swap?: BootSwap }>()
  const servers: Server[] = []
  let connectionNumber = 0

  function ownerOf(peer: string, name: string): { owner: SwapOwner; sizeBytes: number } {
    const sizeBytes = parseSwapExportName(name)
    if (sizeBytes === undefined) {
      throw new WaltError(
        'swap-export-unknown',
        `No export is named "${name}": names read swap-<n>G or swap-<n>M, from 1M to 1024G.`,
      )
    }
    const owner = options.allow(peer, name)
    if (!owner) throw new WaltError('swap-export-refused', `${peer} is no node with a boot under way.`)
    return { owner, sizeBytes }
  }

  /** The exports as one peer sees them. */
  function exportsFor(peer: string): { exports: Exports; openedSwap: () => BootSwap } {
    let opened: BootSwap | undefined
    const exports: Exports = {
      describe(name) {
        const { owner, sizeBytes } = ownerOf(peer, name)
        const found = files.find(owner)
        if (found && found.sizeBytes !== sizeBytes) {
          throw new WaltError(
            'swap-size-mismatch',
            `This boot's swap is ${formatSize(found.sizeBytes)} already.`,
          )
        }
        return exportOf(sizeBytes, holes !== undefined)
      },
      open(name) {
        const { owner, sizeBytes } = ownerOf(peer, name)
        opened = files.open(owner, sizeBytes)
        return exportOf(sizeBytes, opened.backend.holes)
      },
      list() {
        const owner = options.allow(peer, listedExport)
        if (!owner) return []
        const found = files.find(owner)
        return [found ? swapExportName(found.sizeBytes) : listedExport]
      },
    }
    return {
      exports,
      openedSwap() {
        if (!opened) throw new Error('the handshake ended without an export')
        return opened
      },
    }
  }

  function accept(socket: Socket): void {
    const peer = peerAddress(socket)
    const connections = [...sockets.values()].filter((one) => one.peer === peer).length
    if (sockets.size >= limits.swapConnectionsMax || connections >= limits.swapConnectionsPerPeerMax) {
      log.warn({ peer, connections }, 'swap: a connection was refused, there are too many')
      socket.destroy()
      return
    }
    const state: { peer: string; swap?: BootSwap } = { peer }
    sockets.set(socket, state)
    socket.on('close', () => sockets.delete(socket))
    const events: ConnectionEvents = {
      attached(swap) {
        state.swap = swap
        log.info({ peer, node: swap.node, bootId: swap.bootId, sizeBytes: swap.sizeBytes }, 'swap: attached')
      },
      failed: createFailureReport(log, peer),
      dropped: (reason) => log.warn({ peer, node: state.swap?.node }, `swap: ${peer} was dropped: ${reason}`),
    }
    connectionNumber += 1
    serveConnection({ socket, number: connectionNumber, ...exportsFor(peer), buffers, events })
  }

  return {
    async start() {
      for (const host of options.hosts) servers.push(await listen(host, options.port, accept, log))
    },
    async stop() {
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)))
      for (const socket of sockets.keys()) socket.destroy()
      servers.length = 0
      await Promise.all(closed)
      files.close()
    },
    sweep(current) {
      const names = files.sweep(current)
      if (names.length > 0) log.info({ files: names }, 'swap: files of boots that are over were deleted')
    },
    forgetBoot(node, bootId) {
      for (const [socket, { swap }] of sockets) {
        if (swap?.node === node && swap.bootId === bootId) socket.destroy()
      }
      files.forget({ node, bootId })
    },
    status: () => ({
      connections: [...sockets.values()].filter((one) => one.swap).length,
      usedBytes: quota.usedBytes(),
      quotaBytes: options.quotaBytes,
      swaps: files.list().map((one) => ({
        node: one.node,
        bootId: one.bootId,
        sizeBytes: one.sizeBytes,
        usedBytes: one.usedBytes(),
      })),
    }),
    port() {
      const address = servers[0]?.address()
      return typeof address === 'object' && address ? address.port : options.port
    },
  }
}

/**
 * CAN_MULTI_CONN is not among the flags: the newest connection of a boot takes over from older ones (BootSwap.writer),
 * so writes may not be spread over several.
 */
function exportOf(sizeBytes: number, holes: boolean): NbdExport {
  const always = nbdFlag.hasFlags | nbdFlag.sendFlush | nbdFlag.sendFua
  return {
    sizeBytes,
    flags: holes ? always | nbdFlag.sendTrim | nbdFlag.sendWriteZeroes : always,
    blockSizes: {
      minimumBytes: 1,
      preferredBytes: limits.swapBlockBytes,
      maximumBytes: limits.nbdPayloadMaxBytes,
    },
  }
}

/** Holes need both the system call and a file system that has them. */
async function holesOrNone(folder: string, log: SwapLog): Promise<HoleCalls | undefined> {
  const probe = join(folder, '.holes')
  try {
    const holes = await loadHoleCalls()
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
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
    log.warn(
      { folder, reason: reasonOf(thrown) },
      `swap: no TRIM, holes cannot be punched: ${reasonOf(thrown)}`,
    )
    return undefined
  }
}

/** IPv4 as it is written, also when it came in by an IPv6 socket. */
function peerAddress(socket: Socket): string {
  const address = socket.remoteAddress ?? ''
  const plain = address.replace(/^::ffff:/, '')
  return isIP(plain) === 4 ? plain : address
}

/** One line a connection and kind of failure: a node whose swap is full would write thousands. */
function createFailureReport(log: SwapLog, peer: string): ConnectionEvents['failed'] {
  const seen = new Set<string>()
  return (swap, command, thrown) => {
    const reason = reasonOf(thrown)
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown'
    // The quota has its own line.
    if (code === 'swap-quota-full' || seen.has(code)) return
    seen.add(code)
    log.warn({ peer, node: swap.node, command, reason }, `swap: a request of ${swap.node} failed: ${reason}`)
  }
}

function listen(host: string, port: number, accept: (socket: Socket) => void, log: SwapLog): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(accept)
    server.on('error', (cause) => {
      // Once it listens, an error concerns one connection that could not be accepted, such as for want of descriptors.
      if (server.listening)
        log.warn({ reason: cause.message }, `swap: a connection was lost: ${cause.message}`)
      const message = `The swap server cannot listen on ${host} port ${port}: ${cause.message}.`
      reject(new WaltError('swap-listen', message, { cause }))
    })
    server.listen(port, host, () => resolve(server))
  })
}
