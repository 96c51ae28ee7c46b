import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BootReport } from '@walt/shared/boot-report'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFakeKernel } from '../linux/fake-kernel.ts'
import { probeProgram } from './image-probe.ts'
import { createRebooter, type RebootOptions } from './reboot.ts'
import { runProgram } from './run-program.ts'

const report: BootReport = {
  version: 1,
  agentVersion: '0.1.0',
  mode: 'network',
  virtual: false,
  kernelUptimeMs: 1,
  totalMs: 1,
  swapBytes: 0,
  zswap: false,
  persist: true,
  steps: [],
  problems: [],
  commandLine: '',
}

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'walt-reboot-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** The image's files are looked for, and run, in the test's folder; the machine is a list of events. */
function machine(given: Partial<RebootOptions> = {}) {
  const events: string[] = []
  const rebooted = Promise.withResolvers<void>()
  const rebooter = createRebooter({
    report,
    kexecAllowed: true,
    hookMs: 60_000,
    graceMs: 50,
    kernel: createFakeKernel({
      reboot({ action }) {
        events.push(action)
        rebooted.resolve()
      },
    }),
    probeProgram: (path) => probeProgram(join(folder, path.split('/').at(-1)!)),
    runProgram: (path, args, options) => runProgram(join(folder, path.split('/').at(-1)!), args, options),
    makeNextRoot: async () => undefined,
    markPath: join(folder, '.rebooting'),
    async flushPersist() {
      events.push('flush /persist')
    },
    announce: async (cause) => events.push(`announce ${cause}`),
    farewell: async () => events.push('farewell'),
    hookSaid: (line) => events.push(`the hook: ${line}`),
    watchdog: () => ({
      stretch: (seconds) => events.push(`watchdog in ${seconds} s`),
      leave: (seconds) => events.push(`gone or reset within ${seconds} s`),
      watch: () => events.push('watchdog as before'),
    }),
    warn: (message) => events.push(message),
    ...given,
  })
  return { rebooter, events, rebooted: rebooted.promise }
}

function writeHook(name: string, script: string, mode = 0o755): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, name), mode)
}

async function reboot({ rebooter, rebooted }: ReturnType<typeof machine>): Promise<void> {
  const prepared = await rebooter.prepare('a test')
  if (!prepared.accepted) throw new Error(prepared.reply)
  prepared.run(Promise.resolve())
  await rebooted
}

describe('rebooter', () => {
  it('flushes /persist, tells the server, marks the reboot, and forces it', async () => {
    const node = machine()
    await reboot(node)
    expect(node.events).toEqual([
      'announce a test',
      'flush /persist',
      'farewell',
      'gone or reset within 30 s',
      'restart',
    ])
    expect(readFileSync(join(folder, '.rebooting'), 'utf8')).toBe('a test\n')
  })

  it('waits until the OK is acknowledged', async () => {
    const node = machine()
    const acknowledged = Promise.withResolvers<void>()
    const prepared = await node.rebooter.prepare('a test')
    if (prepared.accepted) prepared.run(acknowledged.promise)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(node.events).not.toContain('restart')
    acknowledged.resolve()
    await node.rebooted
  })

  it('reboots although /persist cannot be flushed', async () => {
    const node = machine({ flushPersist: () => Promise.reject(new Error('no answer within 5 s')) })
    await reboot(node)
    expect(node.events).toContain('/persist could not be flushed before the reboot: no answer within 5 s')
  })

  it('goes on being watched over when the reboot fails', async () => {
    const failed = Promise.withResolvers<void>()
    const node = machine({
      kernel: createFakeKernel({
        reboot() {
          throw new Error('no permission')
        },
      }),
      warn: () => failed.resolve(),
    })
    const prepared = await node.rebooter.prepare('a test')
    if (prepared.accepted) prepared.run(Promise.resolve())
    await failed.promise
    expect(node.events.slice(-2)).toEqual(['gone or reset within 30 s', 'watchdog as before'])
    expect(node.rebooter.underWay()).toBe(false)
  })

  it('reboots although nobody can be told', async () => {
    const gone = () => Promise.reject(new Error('gone'))
    const node = machine({ announce: gone, farewell: gone })
    const prepared = await node.rebooter.prepare('a test')
    if (prepared.accepted) prepared.run(gone())
    await node.rebooted
    expect(node.events).toContain('restart')
  })

  it('does it once, however many ask', async () => {
    const node = machine()
    await Promise.all([reboot(node), reboot(node), reboot(node)])
    expect(node.events.filter((event) => event === 'restart')).toHaveLength(1)
  })

  it('refuses, and touches nothing, on a machine that it did not boot', async () => {
    const node = machine({ report: undefined })
    expect(await node.rebooter.prepare('a test')).toEqual({
      accepted: false,
      reply: 'KO this machine was not booted by walt-agent',
    })
    expect(node.events).toEqual([])
    expect(existsSync(join(folder, '.rebooting'))).toBe(false)
  })

  it('runs the hook with what it may do, and forces the reboot when the machine still runs', async () => {
    writeHook('walt-network-reboot', `echo "$WALT_KEXEC_ALLOW" > ${folder}/ran`)
    const node = machine({ kexecAllowed: false })
    await reboot(node)
    expect(readFileSync(join(folder, 'ran'), 'utf8')).toBe('0\n')
    expect(node.events).toContain(
      'the machine still runs 0.05 s after /bin/walt-network-reboot; the reboot is forced',
    )
  })

  it('forces the reboot at once when the hook fails', async () => {
    writeHook('walt-reboot', 'echo trying >&2; echo no such kernel >&2; exit 3')
    const node = machine({ graceMs: 60_000 })
    await reboot(node)
    expect(node.events.slice(2)).toEqual([
      'watchdog in 180 s',
      'the hook: trying',
      'the hook: no such kernel',
      '/bin/walt-reboot failed with status 3 (no such kernel); the reboot is forced',
      'flush /persist',
      'farewell',
      'gone or reset within 30 s',
      'restart',
    ])
  })

  it('forces the reboot when the hook takes too long, and kills it', async () => {
    writeHook('walt-network-reboot', `sleep 1; touch ${folder}/late`)
    const node = machine({ hookMs: 100, graceMs: 60_000 })
    await reboot(node)
    expect(node.events).toContain(
      '/bin/walt-network-reboot did not return within 0.1 s; the reboot is forced',
    )
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect(existsSync(join(folder, 'late'))).toBe(false)
  })

  it('refuses a hook that is not executable', async () => {
    writeHook('walt-network-reboot', 'exit 0', 0o644)
    const node = machine()
    expect(await node.rebooter.prepare('a test')).toEqual({
      accepted: false,
      reply: 'KO /bin/walt-network-reboot is not executable on image',
    })
  })

  it("has the operating system's own reboot run in hybrid mode", async () => {
    writeHook('reboot', `touch ${folder}/stopped-services`)
    const node = machine({ report: { ...report, mode: 'hybrid-volatile' } })
    await reboot(node)
    expect(existsSync(join(folder, 'stopped-services'))).toBe(true)
  })

  it.each(['reboot', 'walt-hybrid-reboot'])(
    'lets the shutdown that %s began go on when it ends that',
    async (name) => {
      writeHook(name, 'kill -TERM $$')
      const node = machine({ report: { ...report, mode: 'hybrid-volatile' } })
      await reboot(node)
      expect(node.events).toContainEqual(
        expect.stringMatching(/^the machine still runs 0\.05 s after .*; the reboot is forced$/),
      )
    },
  )

  it('restarts user space alone by systemd, and the machine when that fails', async () => {
    writeHook('systemctl', `echo "$@" > ${folder}/asked; exit 1`)
    const node = machine()
    const prepared = await node.rebooter.prepareUserSpace('userspace reboot')
    if (!prepared.accepted) throw new Error(prepared.reply)
    expect(existsSync(join(folder, 'asked'))).toBe(false)
    prepared.run(Promise.resolve())
    await node.rebooted
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe('soft-reboot\n')
    expect(node.events).toEqual([
      'announce userspace reboot',
      'flush /persist',
      '"systemctl soft-reboot" failed with status 1; the reboot is forced',
      'flush /persist',
      'farewell',
      'gone or reset within 30 s',
      'restart',
    ])
  })

  it('keeps no reboot of the machine back for one of user space', async () => {
    writeHook('systemctl', `touch ${folder}/asked`)
    const node = machine({ graceMs: 60_000 })
    const prepared = await node.rebooter.prepareUserSpace('userspace reboot')
    if (prepared.accepted) prepared.run(Promise.resolve())
    expect(await node.rebooter.prepareUserSpace('another')).toEqual({
      accepted: false,
      reply: 'KO a reboot is under way already',
    })
    await expect.poll(() => existsSync(join(folder, 'asked'))).toBe(true)
    await reboot(node)
    expect(node.events).toContain('announce a test')
  })

  it('leaves user space alone where there is no fresh root for it', async () => {
    const node = machine({ makeNextRoot: async () => 'hybrid mode' })
    expect(await node.rebooter.prepareUserSpace('a test')).toEqual({
      accepted: false,
      reply: 'KO hybrid mode',
    })
    expect([node.events, node.rebooter.underWay()]).toEqual([[], false])
  })

  it('is forced by its own guard at once: no hook, nothing of NFS, the cause told', async () => {
    writeHook('walt-network-reboot', 'exit 0')
    const { rebooter, events, rebooted } = machine({
      probeProgram: async () => {
        throw new Error('the image is on NFS')
      },
    })
    rebooter.force('NFS server lost for 300 s')
    rebooter.force('NFS server lost for 300 s')
    await rebooted
    expect(events).toEqual([
      'reboot: NFS server lost for 300 s',
      'announce NFS server lost for 300 s',
      'farewell',
      'gone or reset within 30 s',
      'restart',
    ])
    expect(readFileSync(join(folder, '.rebooting'), 'utf8')).toBe('NFS server lost for 300 s\n')
  })
})
