import { existsSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { limits } from '@walt/shared/limits'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { type ControlServer, createControlServer, isAllowed } from './control-server.ts'
import type { ControlActions, ControlTimes } from './control-session.ts'
import { createShells } from './shell.ts'

const noTerminal = {
  openPseudoTerminal(): never {
    throw new Error('this test has no pseudo-terminals')
  },
  closeDescriptor() {},
}

const running: ControlServer[] = []
const peers: Socket[] = []
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.destroy()
  await Promise.all(running.splice(0).map((server) => server.stop()))
})

type Setting = { actions?: Partial<ControlActions>; times?: Partial<ControlTimes>; connectionsMax?: number }

async function serve({ actions, times, connectionsMax }: Setting = {}): Promise<ControlServer> {
  const server = createControlServer({
    port: 0,
    allowed: [],
    actions: {
      prepareReboot: async () => ({ accepted: false, reply: 'KO this test does not reboot' }),
      *kernelLog() {
        yield '[    0.000000] Linux\n'
        yield '[    1.000000] up\n'
      },
      blink: async (on) => (on ? 'OK' : 'KO /bin/blink returned a non-zero error code'),
      openShell: createShells({ kernel: noTerminal, procFolder: '/proc', warn: () => {} }),
      unsentBytes: () => 0,
      ...actions,
    },
    warn: () => {},
    times: { idleMs: 30_000, shellIdleMs: 30_000, shellEndMs: 10_000, ...times },
    ...(connectionsMax !== undefined && { connectionsMax }),
  })
  running.push(server)
  await server.start()
  return server
}

function open(server: ControlServer): Socket {
  const peer = connect({ port: server.port(), host: '127.0.0.1' })
  peer.on('error', () => peer.destroy())
  peers.push(peer)
  return peer
}

/** All that the server says until it closes. */
function heard(peer: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    peer.on('data', (bytes) => {
      text += bytes.toString('latin1')
    })
    peer.on('close', () => resolve(text))
  })
}

function until(peer: Socket, wanted: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(() => reject(new Error(`no ${wanted} in ${JSON.stringify(text)}`)), 30_000)
    peer.on('data', (bytes) => {
      text += bytes.toString('latin1')
      if (!text.includes(wanted)) return
      clearTimeout(timer)
      resolve(text)
    })
  })
}

async function ask(server: ControlServer, text: string | Uint8Array): Promise<string> {
  const peer = open(server)
  peer.write(text)
  return heard(peer)
}

describe('control port', () => {
  it.each([
    ['MODE single\nPING\n', 'OK\n'],
    ['MODE single\r\nPING\r\n', 'OK\n'],
    ['\n\nMODE single\n\nPING\n', 'OK\n'],
    ['MODE multi\nPING\nPING\nCLOSE\n', 'OK\nOK\nOK Closing on my side.\n'],
    ['PING\n', 'KO Start by specifying "MODE [single|multi]". Closing on my side.\n'],
    ['MODE both\n', 'KO Start by specifying "MODE [single|multi]". Closing on my side.\n'],
    ['MODE single\nREBOOT\n', 'KO this test does not reboot\n'],
    ['MODE single\nDMESG\n', 'OK\n\n[    0.000000] Linux\n[    1.000000] up\n'],
    ['MODE single\nBLINK 1\n', 'OK\n'],
    ['MODE single\nBLINK 0\n', 'KO /bin/blink returned a non-zero error code\n'],
    ['MODE single\nBLINK 2\n', 'KO Unknown request.\n'],
    ['MODE single\nSHELL\necho a$((1+1))b\nexit\n', 'OK\n\na2b\nEND-OF-SHELL\n'],
    ['MODE single\nCLOSE\n', 'OK Closing on my side.\n'],
    ['MODE multi\nHELLO\nPING\nCLOSE\n', 'KO Unknown request.\nOK\nOK Closing on my side.\n'],
  ])('answers %j', async (request, reply) => {
    expect(await ask(await serve(), request)).toBe(reply)
  })

  it('gives a shell all that came along with its request, and serves on after it', async () => {
    const server = await serve({ times: { idleMs: 3_000 } })
    const text = await ask(server, 'MODE multi\nSHELL\nexit\nPING\nCLOSE\n')
    expect(text).toBe('OK\n\nEND-OF-SHELL\nTIMEOUT Closing on my side.\n')
  })

  it('understands a request that comes a byte at a time', async () => {
    const server = await serve()
    const peer = open(server)
    const text = heard(peer)
    peer.setNoDelay(true)
    for (const byte of 'MODE multi\nPING\nCLOSE\n') {
      peer.write(byte)
      await sleep(2)
    }
    expect(await text).toBe('OK\nOK Closing on my side.\n')
  })

  it('answers a peer that ends its side right after the request', async () => {
    const server = await serve()
    const peer = open(server)
    peer.end('MODE single\nPING\n')
    expect(await heard(peer)).toBe('OK\n')
  })

  it('says TIMEOUT to a silent peer, and to one that never ends its line', async () => {
    const server = await serve({ times: { idleMs: 200 } })
    const dripping = open(server)
    const drip = setInterval(() => dripping.write('x'), 20)
    const texts = await Promise.all([ask(server, ''), ask(server, 'MODE multi\n'), heard(dripping)])
    clearInterval(drip)
    expect(texts).toEqual(Array(3).fill('TIMEOUT Closing on my side.\n'))
  })

  it('answers PING promptly while 500 silent and babbling peers are there', async () => {
    const server = await serve()
    const before = process.memoryUsage().rss
    const babble = Buffer.alloc(200_000, 'MODE multi\nwhat is this\n')
    for (let index = 0; index < 500; index += 1) {
      const peer = open(server)
      if (index % 10 === 0) peer.write(babble)
    }
    const times: number[] = []
    for (let index = 0; index < 20; index += 1) {
      const began = performance.now()
      expect(await ask(server, 'MODE single\nPING\n')).toBe('OK\n')
      times.push(performance.now() - began)
    }
    expect(Math.max(...times)).toBeLessThan(limits.controlReplyMs)
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1024 ** 2)
  })

  it('closes the one that is idle for longest when there are too many', async () => {
    const server = await serve({ connectionsMax: 2 })
    const first = open(server)
    const firstClosed = heard(first)
    await sleep(20)
    const second = open(server)
    await sleep(20)
    expect(await ask(server, 'MODE single\nPING\n')).toBe('OK\n')
    expect(await firstClosed).toBe('')
    expect(second.destroyed).toBe(false)
  })

  it('closes peers that are not allowed, unheard', () => {
    expect(isAllowed('192.168.152.1', ['192.168.152.1'])).toBe(true)
    expect(isAllowed('::ffff:192.168.152.1', ['192.168.152.1'])).toBe(true)
    expect(isAllowed('127.0.0.1', [])).toBe(true)
    expect(isAllowed('::1', [])).toBe(true)
    expect(isAllowed('192.168.152.11', ['192.168.152.1'])).toBe(false)
    expect(isAllowed('::ffff:10.0.0.127', [])).toBe(false)
    expect(isAllowed(undefined, [])).toBe(false)
  })

  it('reboots only after OK is delivered', async () => {
    const events: string[] = []
    let unsent = 3
    const rebooted = Promise.withResolvers<void>()
    const server = await serve({
      actions: {
        unsentBytes() {
          events.push(`unsent ${unsent}`)
          unsent -= 1
          return unsent + 1
        },
        prepareReboot: async () => ({
          accepted: true,
          run: (acknowledged) =>
            void acknowledged.then(() => {
              events.push('reboot')
              rebooted.resolve()
            }),
        }),
      },
    })
    expect(await ask(server, 'MODE single\nREBOOT\n')).toBe('OK\n')
    await rebooted.promise
    expect(events).toContain('unsent 3')
    expect(events.at(-1)).toBe('reboot')
  })

  it('reboots although the peer has gone', async () => {
    const rebooted = Promise.withResolvers<void>()
    const server = await serve({
      actions: {
        unsentBytes: () => 3,
        prepareReboot: async () => ({
          accepted: true,
          run: (acknowledged) => void acknowledged.then(() => rebooted.resolve()),
        }),
      },
    })
    const peer = open(server)
    peer.write('MODE single\nREBOOT\n', () => peer.resetAndDestroy())
    await rebooted.promise
  })

  it('ends a shell that gets no input, and all that runs in it', async () => {
    const server = await serve({ times: { shellIdleMs: 2_000 } })
    const text = await ask(server, 'MODE single\nSHELL\nsleep 654321 & echo $!\nsleep 654321\n')
    expect(text).toMatch(/^OK\n\n\d+\nSHELL-TIMEOUT\nEND-OF-SHELL\n$/)
    const pid = Number(text.split('\n')[2])
    await expect.poll(() => isRunning(pid)).toBe(false)
  })

  it('kills a shell whose peer goes', async () => {
    const server = await serve()
    const peer = open(server)
    peer.write('MODE single\nSHELL\nsleep 654321 & echo "<$!>"\nsleep 654321\n')
    const pid = Number(/<(\d+)>/.exec(await until(peer, '>'))![1])
    peer.resetAndDestroy()
    await expect.poll(() => isRunning(pid)).toBe(false)
  })

  it('opens a bounded number of shells', async () => {
    const server = await serve()
    const shells = Array.from({ length: 16 }, () => open(server))
    await Promise.all(
      shells.map((peer) => {
        peer.write('MODE single\nSHELL\n')
        return until(peer, 'OK\n\n')
      }),
    )
    expect(await ask(server, 'MODE single\nSHELL\n')).toBe('KO 16 shells are open already.\n')
  })

  it('survives any bytes', async () => {
    const server = await serve({ actions: { openShell: async () => ({ refused: 'no' }) } })
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 9000 }), fc.boolean(), async (bytes, greets) => {
        const peer = open(server)
        if (greets) peer.write('MODE multi\n')
        peer.end(bytes)
        await heard(peer)
      }),
      { numRuns: 50 },
    )
    expect(await ask(server, 'MODE single\nPING\n')).toBe('OK\n')
  })
})

/** A zombie is dead, whoever may have to collect it. */
function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false
  return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
}
