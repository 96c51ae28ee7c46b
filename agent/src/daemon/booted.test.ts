import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { awaitBooted, type BootedOptions, sshAnswers } from './booted.ts'
import { probeProgram } from './image-probe.ts'
import { runProgram } from './run-program.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'walt-booted-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function listen(greet: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    greet(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}

function node(given: Partial<BootedOptions>) {
  const reports: (string | undefined)[] = []
  const warnings: string[] = []
  const options: BootedOptions = {
    sshPort: 1,
    sshAbsentMs: 600,
    runFolder: folder,
    uptimePath: '/proc/uptime',
    onBootupPath: join(folder, 'on-bootup'),
    probeProgram: async (path) => (path.startsWith(folder) ? probeProgram(path) : 'absent'),
    runProgram,
    report: (cause) => reports.push(cause),
    warn: (message) => warnings.push(message),
    signal: new AbortController().signal,
    ...given,
  }
  return { options, reports, warnings }
}

describe('sshAnswers', () => {
  it('takes a banner only', async () => {
    const ssh = await listen((socket) => socket.write('SSH-2.0-OpenSSH_9.2p1 Debian\r\n'))
    const other = await listen((socket) => socket.write('220 mail\r\n'))
    const silent = await listen(() => {})
    expect(await sshAnswers(ssh.port, 20_000)).toBe(true)
    expect(await sshAnswers(other.port, 20_000)).toBe(false)
    expect(await sshAnswers(silent.port, 50)).toBe(false)
    silent.close()
    expect(await sshAnswers(silent.port, 20_000)).toBe(false)
    ssh.close()
    other.close()
  })
})

describe('awaitBooted', () => {
  it('waits for the ssh server, tells, and runs /bin/on-bootup', async () => {
    const ssh = await listen((socket) => socket.write('SSH-2.0-OpenSSH_9.2p1 Debian\r\n'))
    writeFileSync(join(folder, 'on-bootup'), `#!/bin/sh\ntouch ${folder}/ran\n`)
    chmodSync(join(folder, 'on-bootup'), 0o755)
    writeFileSync(join(folder, 'nologin'), 'booting\n')
    const { options, reports, warnings } = node({ sshPort: ssh.port, sshAbsentMs: 60_000 })
    await awaitBooted(options)
    ssh.close()
    expect(reports).toEqual([undefined])
    expect(warnings).toEqual([])
    expect(existsSync(join(folder, 'nologin'))).toBe(false)
    expect(existsSync(join(folder, 'ran'))).toBe(true)
    expect(readFileSync(join(folder, 'uptime-ready'), 'utf8')).toMatch(/^\d+\.\d+ /)
  })

  it('takes an image without an ssh server as booted in the end, and says so', async () => {
    const { options, reports } = node({})
    await awaitBooted(options)
    expect(reports).toEqual(['the image has no ssh server: taken as booted after 0.6 s'])
  })

  it('goes on waiting where there is an ssh server', async () => {
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 1_200)
    const { options, reports } = node({ probeProgram: async () => 'executable', signal: stop.signal })
    await awaitBooted(options)
    expect(reports).toEqual([])
  })

  it('says how /bin/on-bootup failed', async () => {
    writeFileSync(join(folder, 'on-bootup'), '#!/bin/sh\nexit 4\n')
    const first = node({ sshAbsentMs: 0 })
    await awaitBooted(first.options)
    expect(first.warnings[1]).toBe(`${folder}/on-bootup is there but not executable: it was not run`)
    chmodSync(join(folder, 'on-bootup'), 0o755)
    const second = node({ sshAbsentMs: 0 })
    await awaitBooted(second.options)
    expect(second.warnings[1]).toBe(`${folder}/on-bootup failed: status 4`)
  })
})
