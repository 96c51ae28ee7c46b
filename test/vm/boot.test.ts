import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { addImageVariant, imageSum } from '../support/image-variants.ts'
import {
  bootNode,
  controlRequest,
  createNode,
  mqttCommand,
  nextBoot,
  onNode,
  showNode,
} from '../support/node-probes.ts'
import { baseImage, type Platform, prepareImages, startPlatform } from '../support/platform.ts'
import { canRunNodes } from '../support/requirements.ts'

/** Whole nodes in User Mode Linux: the real image, over real NFS, with the real server. */
describe.runIf(canRunNodes('user-mode-linux'))('a diskless node of 512 MB', () => {
  let platform: Platform
  let sumBefore: string

  beforeAll(async () => {
    await prepareImages({ fresh: false, onOutput: (text) => process.stderr.write(text) })
    platform = await startPlatform({ purpose: 'test', engine: 'uml' })
    sumBefore = await imageSum(platform, baseImage)
  })
  afterAll(() => platform?.stop())

  it('boots over the network, with swap and zswap on, and reports each step', async () => {
    const node = await bootNode(platform, 'vnode1')
    const report = node.bootReport
    expect(report?.problems).toEqual([])
    expect(report?.steps.filter((step) => step.outcome === 'failed')).toEqual([])
    expect(report).toMatchObject({
      mode: 'network',
      virtual: true,
      zswap: true,
      persist: true,
      swapBytes: 16 * 1024 ** 3,
    })
    expect(await onNode(platform, 'vnode1', 'cat /sys/module/zswap/parameters/enabled')).toBe('Y\n')
    expect(await onNode(platform, 'vnode1', 'free --mega -h')).toMatch(/Swap:\s+17G/)
    expect(await onNode(platform, 'vnode1', 'df -h /')).toMatch(/^union\s+8\.0G/m)
    expect(await onNode(platform, 'vnode1', 'hostname')).toBe('vnode1\n')
    expect(await onNode(platform, 'vnode1', 'ls /run/walt/root/bin/walt-init')).toContain('walt-init')
    expect(await onNode(platform, 'vnode1', 'grep " / " /proc/mounts')).toMatch(/^union \/ overlay rw/)
  })

  it('holds ten files of 100 MB, and gives them back unchanged', async () => {
    const made = await onNode(
      platform,
      'vnode1',
      'for i in 1 2 3 4 5 6 7 8 9 10; do dd if=/dev/urandom bs=1M count=100 2>/dev/null | tee /root/file$i | md5sum; done',
    )
    const read = await onNode(
      platform,
      'vnode1',
      'for i in 1 2 3 4 5 6 7 8 9 10; do md5sum < /root/file$i; done',
    )
    expect(made.split('\n')).toHaveLength(11)
    expect(read).toBe(made)
    const used = await onNode(
      platform,
      'vnode1',
      "awk '/SwapTotal/ {t=$2} /SwapFree/ {print t-$2}' /proc/meminfo",
    )
    expect(Number(used)).toBeGreaterThan(400 * 1024)
  })

  it('reboots by a plain socket to port 12346, OK first, into exactly the same system but for /persist', async () => {
    const before = await showNode(platform, 'vnode1')
    await onNode(platform, 'vnode1', 'echo kept > /persist/inside; echo lost > /root/outside')
    expect(await controlRequest(platform, before.address, 'PING')).toBe('OK')
    expect(await controlRequest(platform, before.address, 'REBOOT')).toBe('OK')
    await nextBoot(platform, 'vnode1', before.bootId)
    expect(await onNode(platform, 'vnode1', 'ls /root; cat /persist/inside')).toBe('kept\n')
    const kept = path.join(platform.stateFolder, 'nodes/vnode1/persist/inside')
    expect(await readFile(kept, 'utf8')).toBe('kept\n')
  })

  it('forgets the swap of a boot that is over', async () => {
    const { bootId } = await showNode(platform, 'vnode1')
    await eventually('one swap file, of this boot', 20_000, async () => {
      const files = (await readdir(path.join(platform.stateFolder, 'swap'))).filter((name) =>
        name.includes('vnode1'),
      )
      return files.length === 1 && files[0]?.includes(bootId ?? 'none')
    })
  })

  it('reboots by walt node reboot, softly', async () => {
    const before = await showNode(platform, 'vnode1')
    const result = await platform.walt('node', 'reboot', 'vnode1')
    expect(result).toMatchObject({ status: 0, stdout: 'vnode1: rebooted OK.\n' })
    await nextBoot(platform, 'vnode1', before.bootId)
  })

  it('reboots by MQTT, and refuses a command of an older boot or one that is late', async () => {
    const { bootId } = await showNode(platform, 'vnode1')
    const deadline = Date.now() + 60_000
    const stale = await mqttCommand(platform, 'vnode1', 'stale', {
      command: 'reboot',
      bootId: '0123456789abcdef',
      deadline,
    })
    expect(stale).toMatchObject({ ok: false, code: 'stale-boot' })
    const late = await mqttCommand(platform, 'vnode1', 'late', {
      command: 'reboot',
      bootId,
      deadline: Date.now() - 1_000,
    })
    expect(late.ok).toBe(false)
    expect((await showNode(platform, 'vnode1')).bootId).toBe(bootId)
    expect(
      await mqttCommand(platform, 'vnode1', 'good', { command: 'reboot', bootId, deadline }),
    ).toMatchObject({ ok: true })
    await nextBoot(platform, 'vnode1', bootId)
  })

  it('boots another image after walt node boot, beside a node that keeps its own', async () => {
    await addImageVariant(platform, 'other', [{ path: 'etc/which-image', content: 'other\n' }])
    const [before] = await Promise.all([showNode(platform, 'vnode1'), bootNode(platform, 'vnode2')])
    const result = await platform.walt('node', 'boot', 'vnode1', 'other')
    expect(result.status).toBe(0)
    const after = await nextBoot(platform, 'vnode1', before.bootId)
    expect(after.runningImage).toBe('other')
    expect(await onNode(platform, 'vnode1', 'cat /etc/which-image')).toBe('other\n')
    expect(await onNode(platform, 'vnode2', 'ls /etc/which-image || true')).toBe('')
    expect(await onNode(platform, 'vnode2', 'cat /persist/inside || true')).toBe('')
  })

  it('without swap, has half of its RAM for files, and says when that is full', async () => {
    const before = await showNode(platform, 'vnode2')
    const configured = await platform.walt('node', 'config', 'vnode2', 'swap=off')
    expect(configured.stdout).toBe('Done. Reboot node(s) to see new settings in effect.\n')
    await platform.walt('node', 'reboot', 'vnode2')
    const after = await nextBoot(platform, 'vnode2', before.bootId)
    expect(after.bootReport?.swapBytes).toBe(0)
    const free = await onNode(platform, 'vnode2', "awk '/MemTotal/ {print $2}' /proc/meminfo")
    const union = Number(await onNode(platform, 'vnode2', "df -k / | awk 'NR==2 {print $2}'"))
    expect(union).toBeGreaterThan(0.49 * Number(free))
    expect(union).toBeLessThan(0.51 * Number(free))
    expect(await onNode(platform, 'vnode2', 'cat /sys/module/zswap/parameters/enabled')).toBe('Y\n')
    const command =
      'dd if=/dev/urandom of=file_100M bs=1M count=100 && cp file_100M file_100M_2 && cp file_100M file_100M_3'
    const filled = await platform.onNode('vnode2', command)
    expect(filled.status).not.toBe(0)
    expect(filled.stderr).toMatch(/file_100M_3.*No space left on device/)
  })

  describe('that lacks something', () => {
    const faults = {
      noswap: { settings: { 'boot.arguments': 'walt.nbd.port=9' }, says: /swap.*(refused|answer|reach)/i },
      nopersist: {
        settings: { 'boot.arguments': 'walt.persist=192.168.152.1:/nowhere' },
        says: /persist.*\/nowhere/,
      },
      badswap: { settings: { 'boot.arguments': 'walt.swap=banana' }, says: /walt\.swap=banana/ },
      nonbd: { settings: {}, image: 'nonbd', says: /nbd/ },
    }

    beforeAll(async () => {
      const rmmod = (module: string) => `#!/bin/sh\nrmmod ${module}\n`
      await addImageVariant(platform, 'nonbd', [
        { path: 'bin/walt-preinit', content: rmmod('nbd'), executable: true },
      ])
      await addImageVariant(platform, 'nooverlay', [
        { path: 'bin/walt-preinit', content: rmmod('overlay'), executable: true },
      ])
    })

    it('boots all the same, and says what it lacks', async () => {
      for (const [name, fault] of Object.entries(faults)) {
        await createNode(platform, name, fault.settings, 'image' in fault ? fault.image : undefined)
      }
      for (const [name, fault] of Object.entries(faults)) {
        const node = await nextBoot(platform, name, undefined)
        const said = [
          ...(node.bootReport?.problems ?? []),
          ...(node.bootReport?.steps ?? []).flatMap((step) => (step.outcome === 'failed' ? [step.note] : [])),
        ].join('\n')
        expect(said).toMatch(fault.says)
        expect(await platform.console(name)).toMatch(fault.says)
        expect((await platform.walt('node', 'remove', name)).status).toBe(0)
      }
    })

    it('without the overlay module, says so and reboots after ten seconds', async () => {
      await createNode(platform, 'rescued', {}, 'nooverlay')
      const console = await eventually('two tries on the console', 120_000, async () => {
        const text = await platform.console('rescued').catch(() => '')
        return (text.match(/reboot(s|ing)? (in|after) 10 s/gi) ?? []).length >= 2 && text
      })
      expect(console).toMatch(/overlay/)
      expect((await platform.walt('node', 'remove', 'rescued')).status).toBe(0)
    })
  })

  it('left the image untouched, byte for byte', async () => {
    expect(await imageSum(platform, baseImage)).toBe(sumBefore)
  })

  it('is gone with the server: no machine, no tap, no swap file', async () => {
    const { stateFolder, namespace } = platform
    await platform.walt('node', 'remove', 'vnode1')
    await platform.walt('node', 'remove', 'vnode2')
    expect(await readdir(path.join(stateFolder, 'swap'))).toEqual([])
    await platform.stop()
    expect(existsSync(`/run/netns/${namespace.name}`)).toBe(false)
  })
})
