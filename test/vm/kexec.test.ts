import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { addImageVariant } from '../support/image-variants.ts'
import { qemuProcess } from '../support/machine-process.ts'
import { bootNode, nextBoot, onNode, showNode } from '../support/node-probes.ts'
import { type Platform, prepareImages, startPlatform } from '../support/platform.ts'
import { canRunNodes } from '../support/requirements.ts'

/** A PC in QEMU that takes itself for a physical one, so that its reboot goes through the image's hook: kexec. */
describe.runIf(canRunNodes('qemu-system-x86'))('a physical node of 512 MB', () => {
  let platform: Platform

  beforeAll(async () => {
    await prepareImages({ fresh: false, onOutput: (text) => process.stderr.write(text) })
    platform = await startPlatform({ purpose: 'test', engine: 'qemu' })
    await addImageVariant(platform, 'other', [{ path: 'etc/which-image', content: 'other\n' }])
  })
  afterAll(() => platform?.stop())

  it('restarts by kexec into the image that it was given meanwhile, without its machine being reset', async () => {
    const before = await bootNode(platform, 'vnode1', { 'boot.arguments': 'walt.virtual=0' })
    expect(before.bootReport).toMatchObject({ virtual: false, problems: [] })
    const machine = await qemuProcess(platform)
    await onNode(platform, 'vnode1', 'echo kept > /persist/inside; echo lost > /root/outside')

    const result = await platform.walt('node', 'boot', 'vnode1', 'other')
    expect(result).toMatchObject({ status: 0, stdout: 'vnode1: rebooted OK.\n' })
    await eventually('the node asks for its next boot', 60_000, async () => {
      const { state, bootId, cause } = await showNode(platform, 'vnode1')
      return state === 'booting' && bootId !== before.bootId && cause === 'kexec'
    })
    const after = await nextBoot(platform, 'vnode1', before.bootId)

    expect(await qemuProcess(platform)).toBe(machine)
    expect(after.runningImage).toBe('other')
    expect(after.bootReport).toMatchObject({ problems: [], swapBytes: 16 * 1024 ** 3, persist: true })
    expect(await onNode(platform, 'vnode1', 'cat /etc/which-image /persist/inside; ls /root')).toBe(
      'other\nkept\n',
    )
    const console = await platform.console('vnode1')
    expect(console).toContain(`walt kexec: next: the image other, boot ${after.bootId}`)
    expect(console).toContain('walt kexec: starting the new kernel')
    // The kernel's watchdog of this machine, which has none in hardware.
    expect(await onNode(platform, 'vnode1', 'cat /sys/class/watchdog/watchdog0/identity')).toMatch(
      /^Software/,
    )
  })
})
