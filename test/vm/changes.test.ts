import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { NodeChanges } from '@walt/shared/payloads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootNode, nextBoot, onNode, showNode } from '../support/node-probes.ts'
import { baseImage, type Platform, prepareImages, startPlatform } from '../support/platform.ts'
import { canRunNodes } from '../support/requirements.ts'

/** What differs from the image on a real node, and reboots only where one would change something. */
describe.runIf(canRunNodes('user-mode-linux'))('a node that is rebooted if it has changed', () => {
  let platform: Platform
  const node = 'vnode1'
  const changes = () => platform.waltJson<NodeChanges>('node', 'changes', node)

  beforeAll(async () => {
    await prepareImages({ fresh: false, onOutput: (text) => process.stderr.write(text) })
    platform = await startPlatform({ purpose: 'test', engine: 'uml' })
    await bootNode(platform, node)
  })
  afterAll(() => platform?.stop())

  async function expectNothingToDo(): Promise<void> {
    expect((await changes()).changed.largest).toEqual([])
    const { bootId } = await showNode(platform, node)
    expect(await platform.walt('node', 'reboot', node, '--if-changed')).toMatchObject({
      status: 0,
      stdout: `${node}: not rebooted: nothing would change.\n`,
    })
    expect(await showNode(platform, node)).toMatchObject({ state: 'booted', bootId })
  }

  async function expectRebootBecause(reason: string): Promise<void> {
    const { bootId } = await showNode(platform, node)
    const answer = await platform.walt('node', 'reboot', node, '--if-changed')
    expect(answer).toMatchObject({ status: 0, stdout: `${node}: rebooted OK (${reason}).\n` })
    await nextBoot(platform, node, bootId)
  }

  it('has changed nothing after its boot, nor after a look around by ssh and what goes to /persist', async () => {
    await expectNothingToDo()
    await onNode(platform, node, 'ls -lR /etc > /dev/null; df; ps; echo x > /persist/x; echo x > /run/x')
    await expectNothingToDo()
    expect((await changes()).system.count).toBeGreaterThan(0)
  })

  it('lists what was made, changed and deleted, largest first, and is rebooted for it', async () => {
    await onNode(
      platform,
      node,
      'dd if=/dev/zero of=/root/large bs=1M count=5 2> /dev/null; echo >> /etc/hosts; rm /etc/debian_version; ln -s large /root/link',
    )
    const { changed, complete } = await changes()
    expect(complete).toBe(true)
    expect(
      changed.largest.map(({ kind, path: changedPath }) => `${kind} ${changedPath}`).slice(0, 2),
    ).toEqual(['file /root/large', 'file /etc/hosts'])
    expect(changed.largest.map(({ path: changedPath }) => changedPath).toSorted()).toEqual([
      '/etc/debian_version',
      '/etc/hosts',
      '/root/large',
      '/root/link',
    ])
    const shown = await platform.walt('node', 'changes', node)
    expect(shown.stdout).toMatch(/^SIZE +WHAT +PATH\n5\.0 MiB +file +\/root\/large\n/)
    expect(shown.stdout).toMatch(/^0 B +deleted +\/etc\/debian_version$/m)
    await expectRebootBecause('files changed on it')
    await expectNothingToDo()
  })

  it('is rebooted for a setting that needs a boot, not for one that counts at once', async () => {
    await platform.walt('node', 'config', node, 'boot.timeout=300')
    await expectNothingToDo()
    await platform.walt('node', 'config', node, 'swap=1G')
    await expectRebootBecause('new swap')
    await expectNothingToDo()
  })

  it('is rebooted for an image that was built anew', async () => {
    const file = path.join(platform.stateFolder, 'images', baseImage, 'image.json')
    const record = JSON.parse(await readFile(file, 'utf8'))
    // The file is linked from the folder where images are kept.
    await rm(file)
    await writeFile(file, JSON.stringify({ ...record, builtAt: Date.now() }))
    await expectRebootBecause('its image was changed')
    await expectNothingToDo()
  })
})
