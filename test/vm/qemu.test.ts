import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootNode, controlRequest, nextBoot, onNode } from '../support/node-probes.ts'
import { type Platform, prepareImages, startPlatform } from '../support/platform.ts'
import { canRunNodes } from '../support/requirements.ts'

/** The image's own kernel and initramfs, in QEMU: what a PC boots. */
describe.runIf(canRunNodes('qemu-system-x86'))('a node of 512 MB in QEMU', () => {
  let platform: Platform

  beforeAll(async () => {
    await prepareImages({ fresh: false, onOutput: (text) => process.stderr.write(text) })
    platform = await startPlatform({ purpose: 'test', engine: 'qemu' })
  })
  afterAll(() => platform?.stop())

  it('boots with the initramfs of its image, gets its swap, and reboots when asked', async () => {
    const node = await bootNode(platform, 'vnode1')
    expect(node.bootReport?.problems).toEqual([])
    expect(node.bootReport).toMatchObject({ swapBytes: 16 * 1024 ** 3, zswap: true, persist: true })
    expect(await onNode(platform, 'vnode1', 'df -h /')).toMatch(/^union\s+8\.0G/m)
    expect(await onNode(platform, 'vnode1', 'uname -r')).toMatch(/amd64/)
    await onNode(platform, 'vnode1', 'echo kept > /persist/inside; echo lost > /root/outside')
    expect(await controlRequest(platform, node.address, 'REBOOT')).toBe('OK')
    await nextBoot(platform, 'vnode1', node.bootId)
    expect(await onNode(platform, 'vnode1', 'ls /root; cat /persist/inside')).toBe('kept\n')
  })
})
