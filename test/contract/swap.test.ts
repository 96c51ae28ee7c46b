/** The swap server with the NBD clients that people have: what they say of it, what they store, what they read back. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { limits } from '@walt/shared/limits'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { mustRun, runProgram } from '../support/run-program.ts'
import { type SwapRig, startSwapRig } from '../support/swap-rig.ts'
import { needTool } from '../support/tools.ts'

const mebibyte = 1024 ** 2
let rig: SwapRig

beforeEach(async () => {
  rig = await startSwapRig({ quotaBytes: 512 * mebibyte })
})
afterEach(() => rig.end())

const uri = (name: string) => rig.uri(name)
const swapFile = () => rig.swapFile(1)
const usedBytes = () => rig.swap.status().usedBytes

function randomFile(bytes: number): string {
  const path = join(rig.folder, 'random')
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
      can_cache: true,
      can_multi_conn: false,
      block_size_minimum: 1,
      block_size_preferred: 4096,
      block_size_maximum: limits.nbdPayloadMaxBytes,
    })
  })

  it('lists what a node may ask for, and hears why it may not have another', async () => {
    expect(await mustRun('nbdinfo', ['--list', uri('')])).toContain('swap-16G')
    const { status, stderr } = await runProgram('nbdinfo', [uri('disk')])
    expect(status).not.toBe(0)
    expect(stderr).toContain('No such file or directory for export: disk')
  })
})

describe.skipIf(!needTool('nbdcopy'))('nbdcopy', () => {
  it('reads back what it wrote', async () => {
    const source = randomFile(64 * mebibyte)
    const back = join(rig.folder, 'back')
    await mustRun('nbdcopy', [source, uri('swap-64M')])
    await mustRun('nbdcopy', [uri('swap-64M'), back])
    expect(readFileSync(back).equals(readFileSync(source))).toBe(true)
    await eventually('its use is told', 5_000, () => usedBytes() === 64 * mebibyte, 50)
  })

  it('is told when the quota is reached', async () => {
    const { status, stderr } = await runProgram('nbdcopy', [randomFile(520 * mebibyte), uri('swap-1G')])
    expect(status).not.toBe(0)
    expect(stderr).toContain('No space left on device')
    expect(rig.events.filter(({ kind }) => kind.startsWith('space-')).map(({ kind }) => kind)).toEqual([
      'space-high',
      'space-full',
    ])
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
    await eventually('its use is told', 5_000, () => usedBytes() === 4 * mebibyte, 50)
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
  while (usedBytes() < mebibyte) {
    if (child.exitCode !== null) throw new Error('fio ended early')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe.skipIf(!needTool('qemu-nbd') || !needTool('nbdcopy'))('qemu-nbd', () => {
  it('serves a disk image that lies on a swap, for another client', async () => {
    const socket = join(rig.folder, 'qemu.sock')
    const child = spawn('qemu-nbd', ['-f', 'raw', '-k', socket, '--persistent', uri('swap-32M')], {
      stdio: 'ignore',
    })
    try {
      const source = randomFile(32 * mebibyte)
      const back = join(rig.folder, 'back')
      const through = `nbd+unix:///?socket=${socket}`
      await eventually('qemu-nbd answers', 10_000, async () => {
        return (await runProgram('nbdinfo', ['--size', through])).status === 0
      })
      await mustRun('nbdcopy', ['--flush', source, through])
      await mustRun('nbdcopy', [through, back])
      expect(readFileSync(back).equals(readFileSync(source))).toBe(true)
    } finally {
      child.kill('SIGKILL')
      await once(child, 'close')
    }
    expect(readFileSync(swapFile()).equals(readFileSync(join(rig.folder, 'random')))).toBe(true)
  })
})

describe.skipIf(!needTool('nbd-client'))('nbd-client', () => {
  it('lists the exports, and hears that it may not have another', async () => {
    const port = String(rig.swap.port())
    expect(await mustRun('nbd-client', ['-l', '127.0.0.1', port])).toContain('swap-16G')
    const { status, stderr } = await runProgram('nbd-client', ['127.0.0.1', port, '/dev/null', '-N', 'disk'])
    expect(status).not.toBe(0)
    expect(stderr).toMatch(/No export is named|unknown|not available/i)
  })
})

/** Runs Python with libnbd on `h`, a handle in negotiation where `options` is set. */
function nbdsh(script: string, options: { negotiation: boolean }): Promise<string> {
  const words = [...(options.negotiation ? ['--opt-mode'] : []), '-c', script]
  // Debian's own Python has libnbd; another one may come first.
  return mustRun('nbdsh', words, { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } })
}

describe.skipIf(!needTool('nbdsh'))('nbdsh', () => {
  const connect = () => `h.connect_tcp("127.0.0.1", "${rig.swap.port()}")\n`

  it('negotiates: refusals, then information, then the export', async () => {
    const said = await nbdsh(
      `${connect()}
print("structured", h.get_structured_replies_negotiated())
print("tls", h.get_tls_negotiated())
def attempt(name, what):
    h.set_export_name(name)
    try:
        what()
        print(name, "accepted")
    except nbd.Error as error:
        print(name, error.errno)
attempt("disk", h.opt_info)
attempt("reattach-swap-1M", h.opt_go)
attempt("swap-1M", h.opt_info)
print("size", h.get_size())
names = []
h.opt_list(lambda name, description: names.append(name))
print("list", names)
attempt("swap-1M", h.opt_go)
h.pwrite(b"kept" * 128, 512)
h.shutdown()
`,
      { negotiation: true },
    )
    expect(said.split('\n')).toEqual([
      'structured False',
      'tls False',
      'disk ENOENT',
      'reattach-swap-1M ENOENT',
      'swap-1M accepted',
      'size 1048576',
      "list ['swap-16G']",
      'swap-1M accepted',
      '',
    ])
    const again = await nbdsh(
      `${connect()}
h.set_export_name("reattach-swap-1M")
h.opt_go()
print(h.pread(512, 512) == b"kept" * 128)
`,
      { negotiation: true },
    )
    expect(again).toBe('True\n')
  })

  it('without TLS is served, and with TLS required is refused politely', async () => {
    const said = await nbdsh(
      `h.set_tls(nbd.TLS_ALLOW)
h.set_export_name("swap-1M")
${connect()}print("allowed", h.get_tls_negotiated(), h.get_size())
h.shutdown()
h = nbd.NBD()
h.set_tls(nbd.TLS_REQUIRE)
try:
    ${connect()}except nbd.Error as error:
    print("required", error.string)
`,
      { negotiation: false },
    )
    expect(said).toMatch(/^allowed False 1048576\nrequired .*(STARTTLS|TLS)/)
  })

  it('hears of what lies outside, of flags and of odd sizes, and the connection goes on', async () => {
    const said = await nbdsh(
      `h.set_strict_mode(0)
h.set_export_name("swap-1M")
${connect()}size = h.get_size()
def attempt(name, what):
    try:
        what()
        print(name, "done")
    except nbd.Error as error:
        print(name, error.errno)
attempt("read beyond", lambda: h.pread(512, size - 511))
attempt("read far beyond", lambda: h.pread(512, 2**63))
attempt("write beyond", lambda: h.pwrite(b"x" * 512, size))
attempt("trim beyond", lambda: h.trim(4096, size))
attempt("zero beyond", lambda: h.zero(4096, size - 1))
attempt("cache beyond", lambda: h.cache(4096, size))
attempt("cache", lambda: h.cache(65536, 0))
attempt("unknown flag", lambda: h.zero(4096, 0, 1 << 14))
attempt("odd", lambda: h.pwrite(b"odd", 4095))
attempt("fua", lambda: h.pwrite(b"fua", 8191, nbd.CMD_FLAG_FUA))
attempt("fast zero", lambda: h.zero(4096, 0, nbd.CMD_FLAG_FAST_ZERO))
attempt("flush", h.flush)
print(h.pread(3, 4095) == b"odd" and h.pread(3, 8191) == b"fua", len(h.pread(512, size - 512)))
h.shutdown()
`,
      { negotiation: false },
    )
    expect(said.trim().split('\n')).toEqual([
      'read beyond EINVAL',
      'read far beyond EINVAL',
      'write beyond ENOSPC',
      'trim beyond EINVAL',
      'zero beyond ENOSPC',
      'cache beyond EINVAL',
      'cache done',
      'unknown flag EINVAL',
      'odd done',
      'fua done',
      'fast zero EINVAL',
      'flush done',
      'True 512',
    ])
  })
})
