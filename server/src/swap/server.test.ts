import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'
import { limits } from '@walt/shared/limits'
import { clientHandshake, type NbdExport, nbdFlag } from '@walt/shared/nbd'
import { decodeSimpleReply, encodeRequest, nbdCommand, nbdError } from '@walt/shared/nbd-transmission'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFaultLayer, type Fault } from './fault-layer.ts'
import { createSwapServer, type SwapServer, type SwapServerOptions } from './server.ts'
import type { SwapEvent } from './swap-event.ts'

const boot = { node: 'vnode1', bootId: '0123456789abcdef' }
const file = 'vnode1-0123456789abcdef.swap'
let folder: string
let server: SwapServer
let events: SwapEvent[]
const sockets: Socket[] = []

async function startServer(given: Partial<SwapServerOptions> = {}): Promise<SwapServer> {
  server = await createSwapServer({
    hosts: ['127.0.0.1'],
    port: 0,
    folder,
    quotaBytes: 1024 ** 3,
    allow: () => boot,
    onEvent: (event) => void events.push(event),
    ...given,
  })
  await server.start()
  return server
}

beforeEach(() => {
  folder = mkdtempSync('/var/tmp/walt-swap-')
  events = []
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function connect(): Promise<Socket> {
  const socket = createConnection(server.port(), '127.0.0.1')
  sockets.push(socket)
  // The server may end it at any time.
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** Reads exactly so many bytes of a paused socket. */
async function take(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes: Buffer | null = socket.read(length)
    if (bytes && bytes.length === length) return bytes
    if (socket.readableEnded || socket.destroyed) throw new Error('the server hung up')
    const ended = new AbortController()
    await Promise.race([
      once(socket, 'readable', { signal: ended.signal }),
      once(socket, 'close', { signal: ended.signal }),
    ]).finally(() => ended.abort())
  }
}

async function attach(exportName = 'swap-16M'): Promise<{ socket: Socket; found: NbdExport }> {
  const socket = await connect()
  const handshake = clientHandshake(exportName)
  let step = handshake.next()
  while (!step.done) {
    socket.write(step.value.send)
    step = handshake.next(await take(socket, step.value.readBytes))
  }
  return { socket, found: step.value }
}

async function write(socket: Socket, offset: number, data: Buffer): Promise<number> {
  const request = {
    command: nbdCommand.write,
    flags: 0,
    cookieHigh: 0,
    cookieLow: 7,
    offset,
    length: data.length,
  }
  socket.write(Buffer.concat([encodeRequest(request), data]))
  return decodeSimpleReply(await take(socket, 16), 0).error
}

async function read(socket: Socket, offset: number, length: number): Promise<Buffer> {
  const request = { command: nbdCommand.read, flags: 0, cookieHigh: 0, cookieLow: 8, offset, length }
  socket.write(encodeRequest(request))
  expect(decodeSimpleReply(await take(socket, 16), 0).error).toBe(nbdError.none)
  return await take(socket, length)
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  await expect.poll(holds).toBe(true)
}

const bytesOnDisk = async (offset: number) => readFileSync(join(folder, file))[offset]

const page = (byte: number) => Buffer.alloc(4096, byte)

describe('the swap server', () => {
  it('makes an export of the size that its name says, with true flags', async () => {
    await startServer()
    const { found } = await attach('swap-48M')
    expect(found.sizeBytes).toBe(48 * 1024 ** 2)
    expect(found.flags & nbdFlag.hasFlags).toBe(nbdFlag.hasFlags)
    expect(found.flags & nbdFlag.canMultiConn).toBe(0)
    expect(found.blockSizes?.maximumBytes).toBe(limits.nbdPayloadMaxBytes)
    expect(server.status()).toMatchObject({
      connections: 1,
      swaps: [{ node: 'vnode1', sizeBytes: 48 * 1024 ** 2 }],
    })
  })

  it('gives a node the same swap after a cable was pulled, and after its own restart', async () => {
    await startServer()
    const first = await attach()
    expect(await write(first.socket, 8192, page(5))).toBe(nbdError.none)
    first.socket.destroy()
    const second = await attach('reattach-swap-16M')
    expect(await read(second.socket, 8192, 4096)).toEqual(page(5))
    await server.stop()
    await startServer()
    server.remove(({ bootId }) => bootId !== boot.bootId)
    const third = await attach('reattach-swap-16M')
    expect(await read(third.socket, 8192, 4096)).toEqual(page(5))
  })

  it('gives the next boot a blank swap, and deletes the one of the boot that is over', async () => {
    let current = boot
    await startServer({ allow: () => current })
    const first = await attach()
    await write(first.socket, 0, page(5))
    current = { ...boot, bootId: 'fedcba9876543210' }
    const closed = once(first.socket, 'close')
    first.socket.resume()
    server.remove(({ bootId }) => bootId === boot.bootId)
    await closed
    expect(existsSync(join(folder, file))).toBe(false)
    expect(server.status().usedBytes).toBe(0)
    const second = await attach()
    expect(await read(second.socket, 0, 4096)).toEqual(page(0))
  })

  it('deletes at start what is left of other boots, and nothing else', async () => {
    writeFileSync(join(folder, 'vnode9-0000000000000000.swap'), 'old')
    writeFileSync(join(folder, file), 'new')
    writeFileSync(join(folder, 'README'), 'not a swap')
    await startServer()
    expect(server.status().usedBytes).toBe(2 * 4096)
    server.remove(({ bootId }) => bootId !== boot.bootId)
    expect(server.status().usedBytes).toBe(4096)
    expect(readdirSync(folder).toSorted()).toEqual(['README', file])
  })

  it('lets nobody in that has no boot under way, and no name that is no swap', async () => {
    let known = false
    await startServer({
      allow: (peer) => (known && peer === '127.0.0.1' ? boot : undefined),
    })
    for (const name of ['swap-1M', 'reattach-swap-1M']) {
      await expect(attach(name)).rejects.toMatchObject({
        code: 'nbd-refused',
        message: expect.stringContaining('127.0.0.1 is no node with a boot under way'),
      })
    }
    known = true
    await expect(attach('disk')).rejects.toThrow('names read swap-<n>G')
    await expect(attach('swap-1M')).resolves.toBeDefined()
    await expect(attach('swap-2048G')).rejects.toThrow('errUnknown')
  })

  it('keeps the size of a boot’s swap', async () => {
    await startServer()
    await attach('swap-16M')
    await expect(attach('swap-32M')).rejects.toThrow('swap is 16M already')
  })

  it('answers ENOSPC over the quota of all nodes, says so once, and serves on', async () => {
    await startServer({ quotaBytes: 2 * 4096 })
    const { socket } = await attach()
    expect(await write(socket, 0, page(1))).toBe(nbdError.none)
    expect(await write(socket, 4096, page(2))).toBe(nbdError.none)
    expect(await write(socket, 8192, page(3))).toBe(nbdError.noSpace)
    expect(await write(socket, 12_288, page(3))).toBe(nbdError.noSpace)
    expect(await write(socket, 4096, page(4))).toBe(nbdError.none)
    expect(await read(socket, 4096, 4096)).toEqual(page(4))
    expect(events.filter(({ kind }) => kind.startsWith('space-')).map(({ kind }) => kind)).toEqual([
      'space-high',
      'space-full',
    ])
  })

  it('passes an error of the disk on, and says so once a connection', async () => {
    let fault: Fault = { code: 'EIO' }
    await startServer({ wrap: (backend) => createFaultLayer(backend, () => fault) })
    const { socket } = await attach()
    expect(await write(socket, 0, page(1))).toBe(nbdError.inputOutput)
    expect(await write(socket, 0, page(1))).toBe(nbdError.inputOutput)
    fault = undefined
    expect(await write(socket, 0, page(1))).toBe(nbdError.none)
    expect(events.filter(({ kind }) => kind === 'request-failed')).toHaveLength(1)
  })

  it('serves the newest connection of a boot, and takes no late bytes of an older one', async () => {
    await startServer()
    const old = await attach()
    expect(await write(old.socket, 0, page(1))).toBe(nbdError.none)
    const reconnected = await attach()
    // One that only shakes hands takes nothing from the one before.
    expect(await read(old.socket, 0, 4096)).toEqual(page(1))
    // Late bytes of the old one: half of a write, whose end comes when the new one has been served.
    const late = { command: nbdCommand.write, flags: 0, cookieHigh: 0, cookieLow: 9, offset: 0, length: 8192 }
    old.socket.write(Buffer.concat([encodeRequest(late), page(3)]))
    await eventually(async () => (await bytesOnDisk(0)) === 3)
    expect(await read(reconnected.socket, 0, 1)).toEqual(Buffer.from([3]))
    old.socket.write(page(4))
    await expect(read(old.socket, 0, 1)).rejects.toThrow()
    expect(await read(reconnected.socket, 4096, 4096)).toEqual(page(0))
    expect(events.map(({ kind }) => kind)).toContain('replaced')
  })

  it('never gives a blank swap to a client that had one before', async () => {
    await startServer()
    await expect(attach('reattach-swap-16M')).rejects.toMatchObject({ code: 'swap-gone' })
    const first = await attach()
    await write(first.socket, 0, page(1))
    await expect(attach('reattach-swap-32M')).rejects.toThrow('swap is 16M already')
    const again = await attach('reattach-swap-16M')
    expect(await read(again.socket, 0, 4096)).toEqual(page(1))
    server.remove(() => true)
    await expect(attach('reattach-swap-16M')).rejects.toMatchObject({ code: 'swap-gone' })
    expect(readdirSync(folder)).toEqual([])
  })

  it('gives the system of the boot before its swap while the next boot has none yet', async () => {
    let current = boot
    await startServer({ allow: () => current })
    const first = await attach()
    await write(first.socket, 0, page(1))
    current = { ...boot, bootId: 'fedcba9876543210' }
    const again = await attach('reattach-swap-16M')
    expect(await read(again.socket, 0, 4096)).toEqual(page(1))
    const next = await attach('swap-16M')
    expect(await read(next.socket, 0, 4096)).toEqual(page(0))
    const nextAgain = await attach('reattach-swap-16M')
    expect(await read(nextAgain.socket, 0, 4096)).toEqual(page(0))
  })

  it('keeps one node within its own quota, and leaves the disk its reserve', async () => {
    let current = boot
    await startServer({ allow: () => current, nodeQuotaBytes: 2 * 4096 })
    const one = await attach()
    expect(await write(one.socket, 0, Buffer.alloc(8192, 1))).toBe(nbdError.none)
    expect(await write(one.socket, 8192, page(1))).toBe(nbdError.noSpace)
    current = { node: 'vnode2', bootId: '0000000000000002' }
    const two = await attach()
    expect(await write(two.socket, 0, page(1))).toBe(nbdError.none)
    expect(events.filter(({ kind }) => kind === 'space-full').map(({ node }) => node)).toEqual(['vnode1'])
    await server.stop()
    await startServer({ allow: () => current, reserveBytes: 2 ** 52 })
    const late = await attach('reattach-swap-16M')
    expect(await write(late.socket, 0, page(2))).toBe(nbdError.none)
    expect(await write(late.socket, 4096, page(2))).toBe(nbdError.noSpace)
    expect(await read(late.socket, 0, 4096)).toEqual(page(2))
  })

  it('counts what a node reads and writes, and knows since when it is connected or not', async () => {
    let time = 1_000_000
    await startServer({ now: () => time })
    const { socket } = await attach()
    await write(socket, 0, page(1))
    await write(socket, 4096, page(1))
    await read(socket, 0, 100)
    expect(server.status().swaps).toEqual([
      {
        ...boot,
        sizeBytes: 16 * 1024 ** 2,
        usedBytes: 8192,
        connections: 1,
        since: 1_000_000,
        readBytes: 100,
        writtenBytes: 8192,
      },
    ])
    time = 2_000_000
    socket.destroy()
    await eventually(async () => server.status().connections === 0)
    expect(server.status().swaps[0]).toMatchObject({ connections: 0, since: 2_000_000 })
    await server.stop()
    await startServer()
    expect(server.status().swaps[0]).toMatchObject({ connections: 0, since: 2_000_000, usedBytes: 8192 })
  })

  it('hangs up on a stranger and on a client that writes nonsense, and serves on', async () => {
    await startServer()
    const stranger = await connect()
    stranger.write('GET / HTTP/1.1\r\n\r\n')
    stranger.resume()
    await once(stranger, 'close')
    const { socket } = await attach()
    socket.write(Buffer.alloc(100, 1))
    socket.resume()
    await once(socket, 'close')
    const other = await attach()
    expect(await read(other.socket, 0, 4096)).toEqual(page(0))
  })

  it('refuses more connections of one peer than it may have', async () => {
    await startServer()
    for (let count = 0; count < limits.swapConnectionsPerPeerMax; count += 1) await attach()
    await expect(attach()).rejects.toThrow('hung up')
  })

  it('stops at once, with peers that are silent, in the middle of a request, or take nothing', async () => {
    await startServer()
    await connect()
    const halfway = await attach()
    const request = {
      command: nbdCommand.write,
      flags: 0,
      cookieHigh: 0,
      cookieLow: 1,
      offset: 0,
      length: 65_536,
    }
    halfway.socket.write(Buffer.concat([encodeRequest(request), page(1)]))
    const deaf = await attach()
    const reads = Array.from({ length: 64 }, () =>
      encodeRequest({ ...request, command: nbdCommand.read, length: 8 * 1024 ** 2 }),
    )
    deaf.socket.write(Buffer.concat(reads))
    const began = performance.now()
    await server.stop()
    expect(performance.now() - began).toBeLessThan(limits.swapSendMs / 2)
  })

  it('says which address it cannot listen on', async () => {
    await startServer()
    const port = server.port()
    const second = await createSwapServer({
      hosts: ['127.0.0.1'],
      port,
      folder,
      quotaBytes: 1,
      allow: () => undefined,
      onEvent: () => undefined,
    })
    await expect(second.start()).rejects.toThrow(`cannot listen on 127.0.0.1 port ${port}`)
  })
})
