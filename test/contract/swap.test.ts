/** The swap server with the NBD clients that people have: what they say of it, what they store, what they read back. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { limits } from '@walt/shared/limits'
import { encodeClientFlags, encodeExportRequest, encodeOption, nbdOption } from '@walt/shared/nbd'
import { encodeRequest, nbdCommand } from '@walt/shared/nbd-transmission'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSwapServer, type SwapServer } from '../../server/src/swap/server.ts'
import { mustRun, runProgram } from '../support/run-program.ts'
import { needTool } from '../support/tools.ts'

const mebibyte = 1024 ** 2
let folder: string
let server: SwapServer
let events: string[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'walt-swap-'))
  events = []
  const log = (_fields: object, message: string) => void events.push(message)
  server = await createSwapServer({
    hosts: ['127.0.0.1'],
    port: 0,
    folder: join(folder, 'swap'),
    quotaBytes: 512 * mebibyte,
    allow: () => ({ node: 'vnode1', bootId: '0123456789abcdef' }),
    log: { info: log, warn: log },
  })
  await server.start()
})
afterEach(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const uri = (name: string) => `nbd://127.0.0.1:${server.port()}/${name}`
const swapFile = () => join(folder, 'swap', 'vnode1-0123456789abcdef.swap')

function randomFile(bytes: number): string {
  const path = join(folder, 'random')
  writeFileSync(path, randomBytes(bytes))
  return path
}

describe.skipIf(!needTool('nbdinfo'))('nbdinfo', () => {
  it('sees size, abilities and block sizes', async () => {
    const { exports } = JSON.parse(await mustRun('nbdinfo', ['--json', uri('swap-16G')]))
    expect(exports[0]).toMatchObject({
      'export-name': 'swap-16G',
      'export-size': 16 * 1024 ** 3,
      is_read_only: false,
      can_flush: true,
      can_fua: true,
      can_trim: true,
      can_zero: true,
      can_multi_conn: false,
      block_size_minimum: 1,
      block_size_preferred: 4096,
      block_size_maximum: limits.nbdPayloadMaxBytes,
    })
  })

  it('lists what a node may ask for, and hears why it may not have another', async () => {
    expect(await mustRun('nbdinfo', ['--list', `nbd://127.0.0.1:${server.port()}`])).toContain('swap-16G')
    const { status, stderr } = await runProgram('nbdinfo', [uri('disk')])
    expect(status).not.toBe(0)
    expect(stderr).toContain('No such file or directory for export: disk')
  })
})

describe.skipIf(!needTool('nbdcopy'))('nbdcopy', () => {
  it('reads back what it wrote', async () => {
    const source = randomFile(64 * mebibyte)
    const back = join(folder, 'back')
    await mustRun('nbdcopy', [source, uri('swap-64M')])
    await mustRun('nbdcopy', [uri('swap-64M'), back])
    expect(readFileSync(back).equals(readFileSync(source))).toBe(true)
    expect(server.status()).toMatchObject({ usedBytes: 64 * mebibyte })
  })

  it('is told when the quota is reached', async () => {
    const { status, stderr } = await runProgram('nbdcopy', [randomFile(520 * mebibyte), uri('swap-1G')])
    expect(status).not.toBe(0)
    expect(stderr).toContain('No space left on device')
    expect(events.filter((message) => message.includes('quota'))).toHaveLength(1)
    expect(statSync(swapFile()).blocks * 512).toBeLessThanOrEqual(513 * mebibyte)
  })
})

describe.skipIf(!needTool('qemu-img') || !needTool('qemu-io'))('QEMU', () => {
  it('converts an image to it and finds no difference', async () => {
    const source = randomFile(32 * mebibyte)
    await mustRun('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', source, uri('swap-32M')])
    const said = await mustRun('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', source, uri('swap-32M')])
    expect(said).toContain('Images are identical')
  })

  it('discards, writes zeroes with and without a hole, and flushes', async () => {
    const commands = [
      'write -P 5 0 8M',
      'discard 0 2M',
      'write -z -u 2M 2M',
      'write -z 4M 2M',
      'flush',
      'read -P 0 0 6M',
      'read -P 5 6M 2M',
      'write -f -P 6 7M 4k',
      'read -P 6 7M 4k',
    ]
    const said = await mustRun('qemu-io', [
      '-f',
      'raw',
      ...commands.flatMap((command) => ['-c', command]),
      uri('swap-16M'),
    ])
    expect(said).not.toContain('failed')
    expect(server.status().usedBytes).toBe(4 * mebibyte)
    expect(statSync(swapFile()).blocks * 512).toBe(4 * mebibyte)
  })
})

describe.skipIf(!needTool('fio'))('fio', () => {
  const job = (...more: string[]) => [
    '--name=swap',
    '--ioengine=nbd',
    `--uri=${uri('swap-128M')}`,
    '--size=128M',
    '--verify_state_save=0',
    ...more,
  ]

  it('verifies random blocks of all sizes at depth 16', async () => {
    const { status, stdout, stderr } = await runProgram(
      'fio',
      job(
        '--rw=randwrite',
        '--bsrange=512-256k',
        '--bs_unaligned',
        '--iodepth=16',
        '--verify=crc32c',
        '--do_verify=1',
      ),
    )
    expect(`${stdout}${stderr}`).not.toMatch(/verify: bad|error=/)
    expect(status).toBe(0)
  })

  it('is killed in the middle of its writes, and the next client finds the swap in order', async () => {
    const child = spawn(
      'fio',
      job('--rw=randwrite', '--bs=64k', '--iodepth=32', '--time_based', '--runtime=60'),
      {
        stdio: 'ignore',
      },
    )
    await untilWritten(child)
    child.kill('SIGKILL')
    await once(child, 'close')
    const said = await runProgram('fio', job('--rw=write', '--bs=128k', '--iodepth=4', '--verify=md5'))
    expect(said.status).toBe(0)
  })
})

/** Until a client has stored something. */
async function untilWritten(child: ChildProcess): Promise<void> {
  while (server.status().usedBytes < mebibyte) {
    if (child.exitCode !== null) throw new Error('fio ended early')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('a peer that is dead without saying so', () => {
  it('is dropped when it does not choose an export, and when it takes no replies', async () => {
    const began = performance.now()
    const droppedAfter = async (bytes: Uint8Array) => {
      const socket = createConnection(server.port(), '127.0.0.1')
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      socket.write(bytes)
      // It is not read from, so only the server can tell that it is gone.
      while (!events.some((message) => message.includes('was dropped'))) {
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      const after = performance.now() - began
      events.length = 0
      socket.destroy()
      return after
    }
    const silent = await droppedAfter(encodeClientFlags({ noZeroes: true }))
    expect(silent).toBeGreaterThan(limits.nbdHandshakeMs - 500)
    expect(silent).toBeLessThan(limits.nbdHandshakeMs + 20_000)

    const read = {
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
        encodeOption(nbdOption.go, encodeExportRequest('swap-16M', [])),
        ...Array.from({ length: 8 }, () => encodeRequest(read)),
      ]),
    )
    expect(deaf - silent).toBeGreaterThan(limits.swapSendMs - 500)
    expect(deaf - silent).toBeLessThan(2 * limits.swapSendMs + 20_000)
  })
})
