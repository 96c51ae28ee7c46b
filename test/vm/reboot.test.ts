import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { controlPort } from '@walt/shared/control'
import type { NodeLog } from '@walt/shared/payloads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { addImageVariant, type ImageFile } from '../support/image-variants.ts'
import {
  bootNode,
  controlRequest,
  createNode,
  type NodeShown,
  nextBoot,
  onNode,
  showNode,
} from '../support/node-probes.ts'
import { type Platform, prepareImages, startPlatform } from '../support/platform.ts'
import { canRunNodes } from '../support/requirements.ts'

const hookPath = 'usr/bin/walt-network-reboot'
const hook = (script: string): ImageFile => ({
  path: hookPath,
  content: `#!/bin/sh\necho "hook runs, kexec $WALT_KEXEC_ALLOW" > /dev/console\n${script}\n`,
  executable: true,
})
const restart = 'busybox reboot -f'

/** Each kind of node that has its own way of rebooting: its image, its settings; physical unless it is named virtual. */
const kinds: Record<string, { files: ImageFile[]; words?: string; settings?: Record<string, string> }> = {
  hooked: { files: [hook(restart)] },
  refusing: { files: [{ path: hookPath, content: '#!/bin/sh\nexit 0\n' }], words: 'walt.watchdog=off' },
  hanging: { files: [hook('sleep 600')], words: 'walt.reboot.hook=3' },
  returning: { files: [hook('exit 0')], words: 'walt.reboot.grace=3' },
  oldname: {
    files: [
      { path: hookPath, content: undefined },
      { ...hook(restart), path: 'usr/bin/walt-reboot' },
    ],
  },
  virtual: { files: [hook(restart)] },
  kexecless: { files: [] },
  forbidden: { files: [], settings: { 'kexec.allow': 'false' } },
}

/** Real nodes in User Mode Linux, which takes some for physical, since the server says so. */
describe.runIf(canRunNodes('user-mode-linux'))('a node that is to reboot', () => {
  let platform: Platform

  beforeAll(async () => {
    await prepareImages({ fresh: false, onOutput: (text) => process.stderr.write(text) })
    platform = await startPlatform({ purpose: 'test', engine: 'uml' })
    // All boot at once: a node uses one processor.
    for (const [kind, { files, words = '', settings = {} }] of Object.entries(kinds)) {
      await addImageVariant(platform, kind, files)
      const args = `walt.virtual=${kind === 'virtual' ? 1 : 0} ${words}`
      await createNode(platform, kind, { 'boot.arguments': args, 'boot.timeout': '600', ...settings }, kind)
    }
  })
  afterAll(() => platform?.stop())

  const remove = (node: string) => platform.walt('node', 'remove', node)
  const hookRuns = async (node: string) => (await platform.console(node)).match(/hook runs, kexec \S*/g) ?? []

  /** How many watchdogs the daemon has open. */
  async function heldWatchdogs(node: string): Promise<number> {
    const fds = await onNode(platform, node, 'ls -l /proc/$(systemctl show -P MainPID walt-agent)/fd')
    return fds.match(/\/dev\/watchdog\d/g)?.length ?? 0
  }

  /** Until the machine has begun its next boot, which is soon after the reboot. */
  async function begunAnew(before: NodeShown): Promise<number> {
    const began = Date.now()
    await eventually(`${before.name} boots again`, 60_000, async () => {
      return (await showNode(platform, before.name)).bootId !== before.bootId
    })
    return Date.now() - began
  }

  /** Asks the node of that kind to reboot, and tells how long it stayed. */
  async function rebootKind(kind: keyof typeof kinds): Promise<{ stayedMs: number; console: string }> {
    const before = await nextBoot(platform, kind, undefined)
    expect(await controlRequest(platform, before.address, 'REBOOT')).toBe('OK')
    const stayedMs = await begunAnew(before)
    const console = await platform.console(kind)
    return { stayedMs, console }
  }

  it('runs the hook of its image, which may restart it', async () => {
    const { console } = await rebootKind('hooked')
    expect(await hookRuns('hooked')).toEqual(['hook runs, kexec 1'])
    expect(console).not.toContain('the reboot is forced')
    await remove('hooked')
  })

  it('refuses when the hook is not executable, and runs on', async () => {
    const before = await nextBoot(platform, 'refusing', undefined)
    expect(await controlRequest(platform, before.address, 'REBOOT')).toBe(
      'KO /bin/walt-network-reboot is not executable on image',
    )
    expect(await controlRequest(platform, before.address, 'PING')).toBe('OK')
    expect(await heldWatchdogs('refusing')).toBe(0)
    expect(await onNode(platform, 'refusing', 'ls -a /run')).not.toContain('.rebooting')
    expect((await showNode(platform, 'refusing')).bootId).toBe(before.bootId)
    await remove('refusing')
  })

  it('is forced to when its hook hangs', async () => {
    const { stayedMs, console } = await rebootKind('hanging')
    expect(await hookRuns('hanging')).toHaveLength(1)
    expect(console).toContain(
      'walt: /bin/walt-network-reboot did not return within 3 s; the reboot is forced',
    )
    expect(stayedMs).toBeGreaterThan(2_000)
    await remove('hanging')
  })

  it('is forced to when its hook returns and the machine still runs', async () => {
    const { stayedMs, console } = await rebootKind('returning')
    expect(await hookRuns('returning')).toHaveLength(1)
    expect(console).toContain(
      'walt: the machine still runs 3 s after /bin/walt-network-reboot; the reboot is forced',
    )
    expect(stayedMs).toBeGreaterThan(2_000)
    await remove('returning')
  })

  it('runs a hook of the old name', async () => {
    const { console } = await rebootKind('oldname')
    expect(await hookRuns('oldname')).toEqual(['hook runs, kexec 1'])
    expect(console).not.toContain('the reboot is forced')
    await remove('oldname')
  })

  it('runs no hook when it is virtual', async () => {
    await rebootKind('virtual')
    expect(await hookRuns('virtual')).toEqual([])
    await remove('virtual')
  })

  it('does not wait where kexec cannot be: the reboot is forced at once, and the server is told why', async () => {
    for (const [kind, why] of Object.entries({
      kexecless: 'no kexec: the kernel that runs cannot kexec',
      forbidden: 'no kexec: kexec is not allowed on this node (kexec.allow=false)',
    })) {
      const { stayedMs, console } = await rebootKind(kind)
      expect(console).toContain(`walt kexec: ${why}`)
      expect(console).toMatch(/walt-network-reboot failed with status 1 \(.*\); the reboot is forced/)
      expect(stayedMs).toBeLessThan(25_000)
      const logs = await platform.waltJson<NodeLog[]>('node', 'logs', kind)
      expect(logs.map(({ message }) => message)).toContain(`walt kexec: ${why}`)
      await remove(kind)
    }
  })

  it('is restarted by its server when nothing comes through to it', async () => {
    const before = await bootNode(platform, 'unheard')
    const neighbour = [before.address, 'dev', 'walt0']
    const nowhere = ['lladdr', '02:00:00:00:00:01', 'nud', 'permanent']
    await platform.inside('ip', 'neighbour', 'replace', ...neighbour, ...nowhere)
    const result = await platform.walt('node', 'reboot', 'unheard')
    await platform.inside('ip', 'neighbour', 'delete', ...neighbour)
    expect(result.status).toBe(0)
    expect(result.stdout).toMatch(/^unheard: rebooted OK \(soft-reboot failed: .*15 s.*\)\.\n$/)
    await nextBoot(platform, 'unheard', before.bootId)
    await remove('unheard')
  })

  describe('and is frozen', () => {
    const freeze = (node: string) => onNode(platform, node, 'systemctl kill --signal=STOP walt-agent')

    it('is restarted by its server, which says why', async () => {
      const before = await bootNode(platform, 'frozen')
      await freeze('frozen')
      const result = await platform.walt('node', 'reboot', 'frozen')
      expect(result).toMatchObject({
        status: 0,
        stdout: 'frozen: rebooted OK (soft-reboot failed: no answer within 15 s).\n',
      })
      await begunAnew(before)
      await remove('frozen')
    })

    it('is reset by its watchdog, and comes back', async () => {
      const before = await bootNode(platform, 'watched', { 'boot.arguments': 'walt.watchdog=8' })
      // Longer than the watchdog waits: signs of life are given.
      const uptime = Number(await onNode(platform, 'watched', 'sleep 10; cut -d. -f1 /proc/uptime'))
      expect(uptime).toBeGreaterThan(10)
      expect((await showNode(platform, 'watched')).bootId).toBe(before.bootId)
      await freeze('watched')
      await begunAnew(before)
      expect(await platform.console('watched')).toMatch(/softdog: Initiating system reboot/)
      await nextBoot(platform, 'watched', before.bootId)
      await remove('watched')
    })

    it('is left alone when its daemon was stopped properly', async () => {
      const before = await bootNode(platform, 'stopped', { 'boot.arguments': 'walt.watchdog=8' })
      expect(await heldWatchdogs('stopped')).toBe(1)
      await onNode(platform, 'stopped', 'systemctl stop walt-agent; sleep 12')
      expect((await showNode(platform, 'stopped')).bootId).toBe(before.bootId)
      await remove('stopped')
    })
  })

  // Two nodes of ten rounds each: one for each of two processors.
  it.each([
    ['by force', { swap: 'off' }, undefined],
    ['by a hook', { swap: 'off', 'boot.arguments': 'walt.virtual=0' }, 'hooked'],
  ])(
    'keeps what was written to /persist right before, 20 times out of 20, %s',
    async (_how, settings, image) => {
      await Promise.all(['keeping1', 'keeping2'].map((node) => keepTenTimes(node, settings, image)))
    },
  )

  async function keepTenTimes(node: string, settings: Record<string, string>, image?: string): Promise<void> {
    const log = platform.serverLog().length
    await createNode(platform, node, settings, image)
    const { address } = await showNode(platform, node)
    for (let round = 1; round <= 10; round++) {
      const said = await writeAndReboot(address, `echo round ${round} > /persist/round${round}`)
      expect(said).toMatch(/END-OF-SHELL\s+OK\s+$/)
    }
    const started = new RegExp(`${node}: boot [0-9a-f]{16}`, 'g')
    const boots = () => platform.serverLog().slice(log).match(started) ?? []
    await eventually('the last boot begins', 30_000, () => boots().length > 10)
    expect(boots()).toHaveLength(11)
    const persist = path.join(platform.stateFolder, `nodes/${node}/persist`)
    for (let round = 1; round <= 10; round++) {
      expect(await readFile(path.join(persist, `round${round}`), 'utf8')).toBe(`round ${round}\n`)
    }
    await remove(node)
    // A removed node's files stay; the next of this name is to begin without.
    await rm(persist, { recursive: true })
  }

  /** Waits for the control port; then a command in its shell, and REBOOT behind it on the same connection. */
  async function writeAndReboot(address: string, command: string): Promise<string> {
    const port = `exec 3<>/dev/tcp/${address}/${controlPort}`
    const ping = `${port}; printf "MODE single\\nPING\\n" >&3; read -r -t 1 line <&3; [ "$line" = OK ]`
    const script = [
      `until timeout 1 bash -c '${ping}' 2>/dev/null; do sleep 0.2; done`,
      port,
      'printf "MODE multi\\nSHELL\\n" >&3',
      'IFS= read -r -t 20 line <&3',
      `printf '%s\\n' ${JSON.stringify(`${command}; exit`)} >&3`,
      'while IFS= read -r -t 20 line <&3; do case $line in *END-OF-SHELL*) break ;; esac; done',
      'printf "REBOOT\\n" >&3',
      'IFS= read -r -t 20 reply <&3',
      'printf "%s\\n%s\\n" "$line" "$reply"',
      // The machine goes without a word; what answers next is the next boot.
      'timeout 3 cat <&3 >/dev/null',
    ]
    return (await platform.inside('timeout', '90', 'bash', '-c', script.join('\n'))).stdout
  }
})
