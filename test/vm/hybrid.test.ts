import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { addImageVariant } from '../support/image-variants.ts'
import {
  controlRequest,
  createNode,
  type NodeShown,
  nextBoot,
  onNode,
  showNode,
} from '../support/node-probes.ts'
import { baseImage, type Platform, prepareImages, startPlatform } from '../support/platform.ts'
import { canRunNodes } from '../support/requirements.ts'
import { mustRun } from '../support/run-program.ts'

/** All that a copy has to keep: names, kinds, modes, owners, targets of links, contents. */
const sums =
  '{ find . -printf "%p %y %m %U %G %l\\n" | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum'
const diskFolder = '/run/walt/disk/walt_hybrid'
const hook = '#!/bin/sh\necho "hybrid hook runs, kexec $WALT_KEXEC_ALLOW" > /dev/console\nbusybox reboot -f\n'

/** Nodes in User Mode Linux with a disk, each of another kind. All boot at once: a node uses one processor. */
describe.runIf(canRunNodes('user-mode-linux'))('a node with a disk that asks for a hybrid boot mode', () => {
  let platform: Platform

  beforeAll(async () => {
    await prepareImages({ fresh: false, onOutput: (text) => process.stderr.write(text) })
    platform = await startPlatform({ purpose: 'test', engine: 'uml' })
    await addImageVariant(platform, 'hooked', [
      { path: 'usr/bin/walt-hybrid-reboot', content: hook, executable: true },
    ])
    await createNode(platform, 'persistent', { disks: '2G[template=hybrid-boot-p]' })
    // The server says that it is physical: virtual ones never run a hook.
    const physical = { 'boot.arguments': 'walt.virtual=0' }
    await createNode(platform, 'volatile', { disks: '1200M[template=hybrid-boot-v]', ...physical }, 'hooked')
    await createNode(platform, 'cramped', { disks: '256M[template=hybrid-boot-v]', swap: 'off' })
  })
  afterAll(() => platform?.stop())

  const noteOf = (node: NodeShown, step: string) =>
    node.bootReport?.steps.find(({ name }) => name === step)?.note

  async function rebooted(name: string): Promise<NodeShown> {
    const before = await showNode(platform, name)
    expect(await controlRequest(platform, before.address, 'REBOOT')).toBe('OK')
    return nextBoot(platform, name, before.bootId)
  }

  it('begins its copy anew when the power went in the middle of it', async () => {
    await eventually('the copy is under way', 120_000, async () =>
      (await platform.console('persistent')).includes('copying the image to the disk: '),
    )
    const { bootId, state, cause } = await showNode(platform, 'persistent')
    expect([state, cause]).toEqual(['booting', 'copying its image to its disk'])
    expect((await platform.walt('node', 'reboot', 'persistent', '--hard')).status).toBe(0)
    const node = await nextBoot(platform, 'persistent', bootId)
    expect(await platform.console('persistent')).toMatch(
      /walt: removing an unfinished copy of debian12-\w{16} from the disk/,
    )
    expect(node.bootReport).toMatchObject({ mode: 'hybrid-persistent', problems: [] })
    expect(node.mode).toBe('hybrid-persistent')
  })

  it('has a root on its disk, over an exact copy of the image, and needs no image over the network', async () => {
    const script = `cd ${diskFolder}/debian12-*/image && ${sums}`
    const folder = `${platform.stateFolder}/images/${baseImage}/fs`
    const served = await mustRun('sh', ['-c', `cd "$1" && ${sums}`, 'sh', folder])
    expect(await onNode(platform, 'persistent', script)).toBe(served)
    const mounts = await onNode(platform, 'persistent', 'cat /proc/mounts')
    expect(mounts).toMatch(
      /^union \/ overlay rw,.*lowerdir=\/run\/walt\/disk\/walt_hybrid\/debian12-\w{16}\/image,/m,
    )
    expect(mounts).toMatch(/^\/dev\/ubda1 \/local ext4 rw/m)
    expect(mounts.match(/^\S+ \S+ nfs /gm)).toHaveLength(1)
    expect(mounts).toMatch(/:\S+\/persistent\/persist \/persist nfs /)
    expect(await onNode(platform, 'persistent', 'free --mega -h')).toMatch(/Swap:\s+17G/)
  })

  it('keeps what changed in persistent mode; it shuts down properly, and does not copy again', async () => {
    await onNode(
      platform,
      'persistent',
      'echo kept > /root/file; echo kept > /local/file; rm /etc/debian_version',
    )
    const end = (await platform.console('persistent')).length
    const node = await rebooted('persistent')
    const console = (await platform.console('persistent')).slice(end)
    expect(console).toMatch(/systemd-shutdown\[1\]: .*\n[\s\S]*reboot: Restarting system/)
    expect(console).not.toContain('the reboot is forced')
    expect(console).not.toContain('copying')
    expect(noteOf(node, 'hybrid-image')).toMatch(/^debian12-\w{16} is on the disk$/)
    expect(node.bootReport).toMatchObject({ mode: 'hybrid-persistent', problems: [] })
    expect(await onNode(platform, 'persistent', 'cat /root/file /local/file')).toBe('kept\nkept\n')
    expect(await onNode(platform, 'persistent', 'ls /etc')).not.toContain('debian_version')
  })

  it('forgets what changed in volatile mode, but for /local; it runs the hook of its image', async () => {
    const before = await nextBoot(platform, 'volatile', undefined)
    expect(before.bootReport).toMatchObject({ mode: 'hybrid-volatile', problems: [] })
    await onNode(
      platform,
      'volatile',
      'echo lost > /root/file; echo kept > /local/file; rm /etc/debian_version; sync',
    )
    const node = await rebooted('volatile')
    const console = await platform.console('volatile')
    expect(console.match(/hybrid hook runs, kexec 1/g)).toHaveLength(1)
    expect(console.match(/copied to the disk/g)).toHaveLength(1)
    expect(console).not.toContain('the reboot is forced')
    expect(node.bootReport).toMatchObject({ mode: 'hybrid-volatile', problems: [] })
    expect(await onNode(platform, 'volatile', 'ls /root; cat /local/file')).toBe('kept\n')
    expect(await onNode(platform, 'volatile', 'ls /etc')).toContain('debian_version')
  })

  it('makes room for another image by removing the one booted longest ago', async () => {
    const { bootId } = await showNode(platform, 'volatile')
    expect((await platform.walt('node', 'boot', 'volatile', baseImage)).status).toBe(0)
    const node = await nextBoot(platform, 'volatile', bootId)
    expect(noteOf(node, 'hybrid-image')).toMatch(/^debian12-\w{16} copied to the disk: /)
    expect(await platform.console('volatile')).toMatch(
      /walt: removing hooked-\w{16} from the disk, to make room/,
    )
    expect(await onNode(platform, 'volatile', `ls -A ${diskFolder}; cat /local/file`)).toMatch(
      /^debian12-\w{16}\nlocal\nkept\n$/,
    )
    expect(node.bootReport).toMatchObject({ mode: 'hybrid-volatile', problems: [] })
  })

  it('boots in network mode when there is not enough room, and says so', async () => {
    const node = await nextBoot(platform, 'cramped', undefined)
    expect(node.bootReport?.mode).toBe('network')
    expect(node.bootReport?.problems).toEqual([
      expect.stringMatching(
        /^hybrid-image: not enough room on the disk: .* MiB are free; the node boots in network mode$/,
      ),
    ])
    expect(await onNode(platform, 'cramped', 'cat /proc/mounts')).not.toContain('/dev/ubda')
  })
})
