import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { addImageVariant } from '../support/image-variants.ts'
import { createNode, nextBoot, onNode, showNode } from '../support/node-probes.ts'
import { type Platform, prepareImages, startPlatform } from '../support/platform.ts'
import { repositoryFolder } from '../support/repository.ts'
import { canRunNodes } from '../support/requirements.ts'

type Details = { state: string; cause?: string; history: { at: number; state: string; cause?: string }[] }

const names = Array.from({ length: 12 }, (_, index) => `vnode${index + 1}`)

describe.runIf(canRunNodes('user-mode-linux'))('a fleet', () => {
  let platform: Platform

  beforeAll(async () => {
    await prepareImages({ fresh: false, onOutput: (text) => process.stderr.write(text) })
    platform = await startPlatform({ purpose: 'test', engine: 'uml' })
  })
  afterAll(() => platform?.stop())

  it('of twelve nodes is rebooted by one command, all at once, and is back', async () => {
    for (const name of names) await createNode(platform, name, { ram: '256M' })
    const before = new Map<string, string | undefined>()
    for (const name of names) before.set(name, (await nextBoot(platform, name, undefined)).bootId)

    const result = await platform.walt('node', 'reboot', 'vnode[1-12]')
    expect(result).toMatchObject({ status: 0, stderr: '' })
    expect(result.stdout).toMatch(/rebooted OK\.\n$/)
    const acknowledged: number[] = []
    for (const name of names) {
      const { history } = await platform.waltJson<Details>('node', 'show', name)
      const rebooting = history.find((entry) => entry.state === 'rebooting')
      // What the node says of itself may come before the server has read its OK.
      expect(rebooting?.cause).toMatch(/asked by walt|REBOOT from/)
      acknowledged.push(rebooting?.at ?? 0)
    }
    expect(Math.max(...acknowledged) - Math.min(...acknowledged)).toBeLessThan(1_000)
    for (const name of names) await nextBoot(platform, name, before.get(name))
    for (const name of names.slice(1)) {
      expect((await platform.walt('node', 'remove', name)).status).toBe(0)
    }
  })

  it('is served on the control port while 500 peers are silent or send garbage', async () => {
    const { address } = await showNode(platform, 'vnode1')
    const flood = path.join(repositoryFolder, 'test/support/control-flood.ts')
    const flooded = await platform.inside(process.execPath, '--no-warnings', flood, address)
    expect(flooded.stderr).toBe('')
    const { open, times } = JSON.parse(flooded.stdout) as { open: number; times: number[] }
    const sorted = times.toSorted((a, b) => a - b)
    console.log(
      `PING beside ${open} peers: median ${sorted[25]} ms, 90 % ${sorted[45]} ms, longest ${sorted.at(-1)} ms`,
    )
    expect(times).toHaveLength(50)
    expect(sorted[45]).toBeLessThan(100)
    expect(sorted.at(-1)).toBeLessThan(2_000)
    const resident = await onNode(platform, 'vnode1', "ps -o rss= -p $(pidof walt-agent | tr ' ' ',')")
    expect(Math.max(...resident.trim().split(/\s+/).map(Number))).toBeLessThan(120 * 1024)
  })

  it('loses a node that never gets up, after as many tries as were asked for', async () => {
    const hangs = '#!/bin/sh\nexec sleep infinity\n'
    await addImageVariant(platform, 'hanging', [{ path: 'sbin/init', content: hangs, executable: true }])
    await createNode(platform, 'stuck', { 'boot.timeout': '60', 'boot.retries': '1' }, 'hanging')
    const lost = await eventually('stuck is lost', 240_000, async () => {
      const details = await platform.waltJson<Details>('node', 'show', 'stuck')
      return details.state === 'lost' && details
    })
    const causes = lost.history.map((entry) => entry.cause ?? '').join('\n')
    expect(causes).toMatch(/not booted within 60 s, after 1 hard reboot/)
    const waited = await platform.walt('node', 'wait', 'stuck', '--timeout', '1')
    expect(waited.status).toBe(1)
    expect(waited.stdout + waited.stderr).toMatch(/stuck.*lost/)
  })
})
