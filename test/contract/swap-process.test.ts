/** The swap server as a process of its own: killed, orphaned, beside a busy server, out of space, with peers of all kinds. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { limits } from '@walt/shared/limits'
import { encodeClientFlags, encodeExportRequest, encodeOption, nbdOption } from '@walt/shared/nbd'
import { encodeRequest, nbdCommand, nbdError } from '@walt/shared/nbd-transmission'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSwapServer } from '../../server/src/swap/server.ts'
import type { SwapEvent } from '../../server/src/swap/swap-event.ts'
import { eventually } from '../support/eventually.ts'
import { askNbd, attachNbd, connectNbd, type NbdClient } from '../support/nbd-client.ts'
import { runProgram } from '../support/run-program.ts'
import { type SwapRig, startSwapRig } from '../support/swap-rig.ts'

const mebibyte = 1024 ** 2
const secondBoot = 'fedcba9876543210'
let rig: SwapRig

beforeEach(async () => {
  rig = await startSwapRig({ quotaBytes: 64 * mebibyte })
})
afterEach(() => rig.end())

const attach = (number: number, exportName = 'swap-16M') =>
  attachNbd({ port: rig.swap.port(), exportName, localAddress: `127.0.0.${number}` })
const write = async (client: NbdClient, offset: number, data: Buffer) =>
  (await askNbd(client, { command: nbdCommand.write, offset, data })).error
const read = async (client: NbdClient, offset: number, length: number) =>
  (await askNbd(client, { command: nbdCommand.read, offset, length }, length)).data
const page = (byte: number) => Buffer.alloc(4096, byte)
/** One that has ended may wait for its new parent to notice (Z). */
const isAlive = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))

describe('a swap server that is killed', () => {
  it('is there again at once, with the same bytes for whoever reconnects, time after time', async () => {
    for (let round = 1; round <= 3; round += 1) {
      const client = await attach(1, round === 1 ? 'swap-16M' : 'reattach-swap-16M')
      expect(await write(client, round * 4096, page(round))).toBe(nbdError.none)
      const began = performance.now()
      await rig.kill()
      if (round === 1) expect(performance.now() - began).toBeLessThan(2_000)
      const again = await attach(1, 'reattach-swap-16M')
      for (let past = 1; past <= round; past += 1) {
        expect(await read(again, past * 4096, 4096)).toEqual(page(past))
      }
      again.socket.destroy()
    }
    expect(rig.swap.status()).toMatchObject({ restarts: 3 })
    expect(rig.lines.filter((line) => line.includes('ended (SIGKILL)'))).toHaveLength(3)
  })

  it('counts what its files hold from the start, also of nodes that have not come back', async () => {
    rig.allow(2)
    const client = await attach(1)
    await write(client, 0, Buffer.alloc(8 * mebibyte, 1))
    const second = await attach(2)
    await write(second, 0, page(2))
    await rig.kill()
    await eventually('its figures', 5_000, () => {
      const used = rig.swap.status().swaps.map(({ node, usedBytes }) => `${node} ${usedBytes}`)
      return used.join(', ') === `n1 ${8 * mebibyte}, n2 4096`
    })
    expect(rig.swap.status()).toMatchObject({ connections: 0, usedBytes: 8 * mebibyte + 4096 })
  })

  it('deletes at its next start what it was to forget meanwhile', async () => {
    const client = await attach(1)
    await write(client, 0, page(1))
    const before = rig.pid()
    process.kill(before, 'SIGSTOP')
    rig.allow(1, secondBoot)
    rig.swap.forget('n1', secondBoot)
    process.kill(before, 'SIGKILL')
    await eventually('it is up again', 10_000, () => rig.pid() !== 0 && rig.pid() !== before, 5)
    expect(existsSync(rig.swapFile(1))).toBe(false)
    await expect(attach(1, 'reattach-swap-16M')).rejects.toMatchObject({ code: 'swap-gone' })
    expect(await read(await attach(1), 0, 4096)).toEqual(page(0))
  })

  it('tells a node whose file is gone, and gives it no blank one', async () => {
    const client = await attach(1)
    await write(client, 0, page(1))
    rmSync(rig.swapFile(1))
    await rig.kill()
    await expect(attach(1, 'reattach-swap-16M')).rejects.toMatchObject({ code: 'swap-gone' })
    expect(existsSync(rig.swapFile(1))).toBe(false)
  })
})

describe('the swap server and the server above it', () => {
  async function startParent() {
    const parent = spawn(process.execPath, ['--no-warnings', 'test/support/swap-parent.ts'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const [line] = await once(createInterface(parent.stdout), 'line')
    const { pid, port, folder }: { pid: number; port: number; folder: string } = JSON.parse(line)
    return { parent, pid, port, folder }
  }

  it('serves a node that connects while the server is busy', async () => {
    const { parent, port, folder } = await startParent()
    try {
      parent.stdin.write('60000\n')
      const client = await attachNbd({ port, exportName: 'swap-16M' })
      expect(await write(client, 0, page(1))).toBe(nbdError.none)
      expect(await read(client, 0, 4096)).toEqual(page(1))
    } finally {
      parent.kill('SIGKILL')
      await once(parent, 'close')
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('is gone as soon as the server is, and its port is free for the next one', async () => {
    const { parent, pid, port, folder } = await startParent()
    await attachNbd({ port, exportName: 'swap-16M' })
    parent.kill('SIGKILL')
    // Started while the old one may still have the port.
    const next = await startSwapRig({ port })
    try {
      expect(isAlive(pid)).toBe(false)
      await attachNbd({ port, exportName: 'swap-16M' })
    } finally {
      await next.end()
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('does not mind the signals that go to all processes of a terminal or a service', async () => {
    const before = rig.pid()
    const client = await attach(1)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(before, signal)
    expect(await write(client, 0, page(1))).toBe(nbdError.none)
    expect(rig.pid()).toBe(before)
  })

  it('says why it cannot start: its port is taken, its folder is in memory', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    const port = typeof address === 'object' && address ? address.port : 0
    await expect(startSwapRig({ port })).rejects.toMatchObject({ code: 'swap-listen' })
    other.close()
    const folder = mkdtempSync('/dev/shm/walt-swap-')
    await expect(startSwapRig({ folder })).rejects.toMatchObject({
      code: 'swap-on-tmpfs',
      message: expect.stringContaining('Name a state folder on a disk'),
    })
    rmSync(folder, { recursive: true })
  })

  it('is no program of its own', async () => {
    const { status, stderr } = await runProgram(process.execPath, [
      '--no-warnings',
      'server/src/swap/main.ts',
    ])
    expect(status).toBe(2)
    expect(stderr).toContain('part of walt-server')
  })
})

describe('no space left', () => {
  it('is told to the node that fills the disk; the others go on, and it goes on after it has freed some', async () => {
    rig.allow(2)
    const other = await attach(2)
    expect(await write(other, 0, page(2))).toBe(nbdError.none)
    const greedy = await attach(1, 'swap-1G')
    let refused = -1
    for (let at = 0; refused < 0; at += mebibyte) {
      if ((await write(greedy, at, Buffer.alloc(mebibyte, 7))) === nbdError.noSpace) refused = at
    }
    expect(refused).toBe(63 * mebibyte)
    expect(await write(other, 0, page(3))).toBe(nbdError.none)
    expect(await read(other, 0, 4096)).toEqual(page(3))
    expect(await read(greedy, refused - 4096, 4096)).toEqual(page(7))
    const trimmed = await askNbd(greedy, { command: nbdCommand.trim, offset: 0, length: 32 * mebibyte })
    expect(trimmed.error).toBe(nbdError.none)
    expect(await write(greedy, refused, Buffer.alloc(mebibyte, 8))).toBe(nbdError.none)
    await eventually('all alarms', 5_000, () => {
      const kinds = rig.events.map(({ kind }) => kind).filter((kind) => kind.startsWith('space-'))
      return kinds.join(' ') === 'space-high space-full space-normal'
    })
  })
})

describe('a peer that is dead without saying so', () => {
  it('is replaced when its node comes back, and its late bytes are not taken', async () => {
    const old = await attach(1)
    expect(await write(old, 0, page(1))).toBe(nbdError.none)
    // Half of a write has come; the rest is in the network when the cable is pulled.
    const header = {
      command: nbdCommand.write,
      flags: 0,
      cookieHigh: 0,
      cookieLow: 9,
      offset: 0,
      length: 8192,
    }
    old.socket.write(Buffer.concat([encodeRequest(header), page(2).subarray(0, 100)]))
    const closed = new Promise((resolve) => old.socket.once('close', resolve))
    const again = await attach(1, 'reattach-swap-16M')
    old.socket.resume()
    expect(await write(again, 0, page(3))).toBe(nbdError.none)
    old.socket.write(page(4), () => undefined)
    await closed
    expect(await read(again, 0, 8192)).toEqual(Buffer.concat([page(3), page(0)]))
    expect(rig.events.map(({ kind }) => kind)).toContain('replaced')
  })

  it('is dropped when it does not choose an export, and when it takes no replies', async () => {
    const events: SwapEvent[] = []
    const folder = mkdtempSync('/var/tmp/walt-swap-')
    const sendMs = 2_000
    const server = await createSwapServer({
      hosts: ['127.0.0.1'],
      port: 0,
      folder,
      quotaBytes: mebibyte,
      sendMs,
      allow: () => ({ node: 'n1', bootId: secondBoot }),
      onEvent: (event) => void events.push(event),
    })
    await server.start()
    const droppedAfter = async (bytes: Uint8Array) => {
      const began = performance.now()
      const socket = await connectNbd(server.port())
      socket.write(bytes)
      // It is not read from, so only the server can tell that it is gone.
      await eventually('it is dropped', 60_000, () => events.some(({ kind }) => kind === 'dropped'), 20)
      events.length = 0
      socket.destroy()
      return performance.now() - began
    }
    try {
      const read16 = {
        command: nbdCommand.read,
        flags: 0,
        cookieHigh: 0,
        cookieLow: 0,
        offset: 0,
        length: 16 * mebibyte,
      }
      const deaf = await droppedAfter(
        Buffer.concat([
          encodeClientFlags({ noZeroes: true }),
          encodeOption(nbdOption.go, encodeExportRequest('swap-16G', [])),
          ...Array.from({ length: 8 }, () => encodeRequest(read16)),
        ]),
      )
      expect(deaf).toBeGreaterThan(sendMs - 500)
      expect(deaf).toBeLessThan(2 * sendMs + 10_000)
      const silent = await droppedAfter(encodeClientFlags({ noZeroes: true }))
      expect(silent).toBeGreaterThan(limits.nbdHandshakeMs - 500)
    } finally {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('is found by TCP: the server asks a silent one whether it lives', async () => {
    await attach(1)
    const port = rig.swap.port().toString(16).toUpperCase().padStart(4, '0')
    // proc(5), /proc/net/tcp: local address, remote address, state (01: connected), queues, timer (02: keepalive).
    const asks = new RegExp(`^ *[0-9]+: [0-9A-F]{8}:${port} \\S+ 01 \\S+ 02:`, 'm')
    await eventually('its timer', 10_000, () => asks.test(readFileSync('/proc/net/tcp', 'utf8')))
  })
})
