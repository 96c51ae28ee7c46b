import { rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { limits } from '@walt/shared/limits'
import type { NodeLog } from '@walt/shared/payloads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { addImageVariant } from '../support/image-variants.ts'
import { freezeNfs, keepNfsDown } from '../support/nfs-outage.ts'
import {
  controlRequest,
  createNode,
  type NodeShown,
  nextBoot,
  onNode,
  showNode,
} from '../support/node-probes.ts'
import { type Platform, prepareImages, startPlatform } from '../support/platform.ts'
import { canRunNodes } from '../support/requirements.ts'
import { mustRun } from '../support/run-program.ts'

type Shown = NodeShown & {
  degraded?: boolean
  history: { at: number; state: string; cause?: string; bootId?: string }[]
  telemetry?: { at: number }
}

/** Real nodes on a real NFS server that goes away, hangs, or loses an image. */
describe.runIf(canRunNodes('user-mode-linux'))('a node of 512 MB without its root', () => {
  let platform: Platform
  const show = (node: string) => showNode(platform, node) as Promise<Shown>
  const causes = async (node: string) => (await show(node)).history.map(({ cause }) => cause ?? '')
  const until = (what: string, ms: number, holds: () => Promise<boolean>) => eventually(what, ms, holds, 500)
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

  beforeAll(async () => {
    await prepareImages({ fresh: false, onOutput: (text) => process.stderr.write(text) })
    platform = await startPlatform({ purpose: 'test', engine: 'uml' })
    await addImageVariant(platform, 'replaced', [{ path: 'etc/which-image', content: 'replaced\n' }])
    // Its watchdog bites four times earlier than the server is back: the daemon lives, and waits for ever.
    await createNode(platform, 'staying', { 'root.lost': 'wait', 'boot.arguments': 'walt.watchdog=10' })
    await createNode(platform, 'leaving', { 'root.lost': 'reboot:15', 'boot.timeout': '600' })
    await createNode(platform, 'stale', { swap: 'off' }, 'replaced')
    for (const node of ['staying', 'leaving', 'stale']) await nextBoot(platform, node, undefined)
  })
  afterAll(() => platform?.stop())

  it('lives through 40 s of its server being killed, says so, and goes on where it was; or leaves as it was told', async () => {
    const [staying, leaving] = [await show('staying'), await show('leaving')]
    const end = keepNfsDown(platform)
    const began = Date.now()
    await until('degraded', 20_000, async () => (await show('staying')).degraded === true)
    const table = await platform.walt('node', 'show')
    expect(table.stdout).toMatch(/staying .*booted, degraded/)

    // What hangs is what touches the image; the daemon does not.
    const seen: number[] = []
    while (Date.now() - began < 40_000) {
      expect(await controlRequest(platform, staying.address, 'PING')).toBe('OK')
      const at = (await show('staying')).telemetry?.at
      if (at !== undefined && at > began) seen.push(at)
      await pause(2_000)
    }
    expect(new Set(seen).size).toBeGreaterThan(1)
    expect((await show('leaving')).history).toContainEqual(
      expect.objectContaining({
        state: 'rebooting',
        cause: 'NFS server lost for 15 s',
        bootId: leaving.bootId,
      }),
    )
    expect(await platform.console('leaving')).toContain('walt: reboot: NFS server lost for 15 s')
    await end()

    await until('recovered', 120_000, async () => (await show('staying')).degraded !== true)
    const recovered = await show('staying')
    expect(recovered).toMatchObject({ state: 'booted', bootId: staying.bootId })
    expect(recovered.cause).toMatch(/^recovered: the NFS server answers again after \d+ s$/)
    const history = await causes('staying')
    expect(history).toContain('degraded: the NFS server does not answer; it is waited for')
    expect(await platform.console('staying')).toMatch(/walt: degraded: .*\r?\n(?:.*\r?\n)*walt: recovered: /)
    expect(await onNode(platform, 'staying', 'cat /usr/share/doc/*/copyright | wc -c')).toMatch(/^\d{5,}/)
    await nextBoot(platform, 'leaving', leaving.bootId)
  })

  it('does not take a server that hangs for lost', async () => {
    const before = await nextBoot(platform, 'leaving', undefined)
    const thaw = await freezeNfs(platform)
    for (const end = Date.now() + 25_000; Date.now() < end; await pause(1_000)) {
      const address = before.address
      expect(await controlRequest(platform, address, 'PING')).toBe('OK')
    }
    const shown = await show('leaving')
    await thaw()
    expect(shown).toMatchObject({ state: 'booted', bootId: before.bootId, degraded: true })
    expect(shown.cause).toMatch(/slow/)
    await until('recovered', 60_000, async () => (await show('leaving')).degraded !== true)
    expect((await show('leaving')).bootId).toBe(before.bootId)
  })

  it('reboots at once when its image was replaced under it, and says why', async () => {
    const before = await show('stale')
    const folder = path.join(platform.stateFolder, 'images/replaced')
    await rename(path.join(folder, 'fs'), path.join(folder, 'old'))
    await mustRun('cp', ['-al', path.join(folder, 'old'), path.join(folder, 'fs')])
    await rm(path.join(folder, 'old'), { recursive: true })
    await until('another boot', 150_000, async () => (await show('stale')).bootId !== before.bootId)
    expect((await show('stale')).history).toContainEqual(
      expect.objectContaining({
        state: 'rebooting',
        cause: 'stale file handle: the image was removed or replaced on the server',
        bootId: before.bootId,
      }),
    )
    await nextBoot(platform, 'stale', before.bootId)
  })

  it('warns at 80 and 95 % of its writable layer, once each, and names the file', async () => {
    const node = 'stale'
    const said = async () => {
      const logs = await platform.waltJson<NodeLog[]>('node', 'logs', node)
      return logs.filter(({ message }) => message.startsWith('the writable layer is'))
    }
    const before = (await said()).length
    const megabytes = Number(await onNode(platform, node, "df -m / | awk 'NR==2 {print $2}'"))
    const fill = async (name: string, percent: number) => {
      const count = Math.ceil((percent * megabytes) / 100)
      await onNode(platform, node, `dd if=/dev/zero of=/root/${name} bs=1M count=${count} 2>&1`)
    }
    const nextWarning = (count: number) =>
      eventually('a warning', 30_000, async () => (await said()).slice(before)[count - 1])

    await fill('first', 85)
    const first = await nextWarning(1)
    expect(first.level).toBe('warning')
    expect(first.message).toMatch(
      /^the writable layer is 8\d % full .*; largest files: \/root\/first \(\d+\.\d MiB\)/,
    )
    expect(first.message).toMatch(/largest processes: \S+ \d+ \(\d+\.\d MiB\)/)
    await fill('second', 12)
    const second = await nextWarning(2)
    expect(second.level).toBe('error')
    expect(second.message).toMatch(/^the writable layer is 9\d % full .*\/root\/first .*\/root\/second/)
    expect(await platform.console(node)).toContain(`walt: ${second.message}`)

    const { stdout } = await platform.walt('node', 'show', node)
    expect(stdout).toMatch(/union inodes +\d+ of \d+ \(\d %\)/)
    expect(stdout).toContain(second.message)

    // Once more only after it was seen to be clearly less.
    await onNode(platform, node, `rm /root/second; sleep ${limits.fillCheckMs / 1000 + 1}`)
    await fill('third', 12)
    const third = await nextWarning(3)
    expect(third.message).toMatch(/^the writable layer is 9\d % full .*\/root\/third/)
  })
})
