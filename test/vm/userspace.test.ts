import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import {
  bootDeadlineMs,
  createNode,
  mqttCommand,
  type NodeShown,
  nextBoot,
  onNode,
  showNode,
} from '../support/node-probes.ts'
import { baseImage, type Platform, prepareImages, startPlatform } from '../support/platform.ts'
import { canRunNodes } from '../support/requirements.ts'

const images = [baseImage, 'debian13'] as const
const node = 'vnode1'

type Shown = NodeShown & { history: { state: string; cause?: string }[] }

/** Restarts of user space alone, by systemd's soft-reboot: Debian 13 has it, Debian 12 has not. */
describe.runIf(canRunNodes('user-mode-linux'))('a node of which only user space is restarted', () => {
  let platform: Platform

  beforeAll(async () => {
    await prepareImages({ fresh: false, images, onOutput: (text) => process.stderr.write(text) })
    platform = await startPlatform({ purpose: 'test', engine: 'uml', images })
    // All boot at once: a node uses one processor.
    await createNode(platform, node, {}, 'debian13')
    await createNode(platform, 'stuck', { 'boot.timeout': '60' }, 'debian13')
    await createNode(platform, 'older', {}, baseImage)
  })
  afterAll(() => platform?.stop())

  const restart = (nodes: string) => platform.walt('node', 'reboot', nodes, '--userspace')
  const kernelBoot = (name: string) => onNode(platform, name, 'cat /proc/sys/kernel/random/boot_id')
  const sharedKib = async () =>
    Number(await onNode(platform, node, "awk '/^Shmem:/ {print $2}' /proc/meminfo"))

  function inUserSpace(count: number): Promise<Shown> {
    return eventually(`${node} is booted in user space ${count}`, bootDeadlineMs, async () => {
      const shown = await platform.waltJson<Shown>('node', 'show', node)
      return shown.state === 'booted' && shown.userSpace === count && shown
    })
  }

  it('is left as it is where its systemd cannot do it, and the command says what is needed', async () => {
    const before = await nextBoot(platform, 'older', undefined)
    expect(await restart('older')).toMatchObject({
      status: 1,
      stderr: 'older: failed userspace-reboot (needs systemd 254 (this image has 252))\n',
    })
    expect(await showNode(platform, 'older')).toMatchObject({ state: 'booted', bootId: before.bootId })
    expect(await onNode(platform, 'older', 'ls -d /run/nextroot /run/walt/next 2>&1 || true')).not.toMatch(
      /^\//m,
    )
    await platform.walt('node', 'remove', 'older')
  })

  it('has exactly the files of its image again, on the same kernel, with swap and /persist', async () => {
    const before = await nextBoot(platform, node, undefined)
    const kernel = await kernelBoot(node)
    const shared = await sharedKib()
    await onNode(
      platform,
      node,
      'dd if=/dev/urandom of=/root/large bs=1M count=120 2>/dev/null; rm /etc/debian_version; echo >> /etc/hosts; echo kept > /persist/kept',
    )
    // It holds a file of the old root open.
    await onNode(platform, node, 'nohup tail -f /root/large >/dev/null 2>&1 & sleep 0.2')
    expect((await sharedKib()) - shared).toBeGreaterThan(120_000)

    expect(await restart(node)).toMatchObject({ status: 0, stdout: `${node}: user space rebooted OK.\n` })
    const after = await inUserSpace(1)

    expect(after.bootId).toBe(before.bootId)
    expect(await kernelBoot(node)).toBe(kernel)
    expect(
      await onNode(
        platform,
        node,
        'ls /root; cat /persist/kept; cat /etc/hostname; test -e /etc/debian_version',
      ),
    ).toBe(`kept\n${node}\n`)
    expect(await onNode(platform, node, 'pgrep -x tail || echo none')).toBe('none\n')
    expect((await sharedKib()) - shared).toBeLessThan(20_000)
    const mounts = await onNode(platform, node, "awk '{print $2, $3}' /proc/mounts")
    expect(mounts.match(/^.* overlay$/gm)).toEqual(['/ overlay'])
    expect(mounts.match(/^\/(?:persist|run\/walt\/.*) .*$/gm)?.toSorted()).toEqual([
      '/persist nfs',
      '/run/walt/root nfs',
      '/run/walt/tmpfs tmpfs',
    ])
    expect(await onNode(platform, node, 'tail -n +2 /proc/swaps | wc -l; free -g | grep Swap')).toMatch(
      /^1\nSwap: +15 /,
    )
    expect(await platform.waltJson('node', 'changes', node)).toMatchObject({ changed: { count: 0 } })
  })

  it('is the same boot for the server, which tells what happened', async () => {
    const { history, bootReport, bootId } = await inUserSpace(1)
    expect(history.slice(0, 3).map(({ state, cause = '' }) => `${state} ${cause}`)).toEqual([
      'booted ',
      'booting userspace reboot',
      expect.stringMatching(/^rebooting userspace reboot asked by /),
    ])
    expect(bootReport).toMatchObject({ bootId, persist: true, problems: [] })
    expect(JSON.parse(await onNode(platform, node, 'cat /run/walt/boot.json'))).toEqual(bootReport)
    expect(await onNode(platform, node, 'ls -a /run')).not.toContain('.rebooting')
    // The watchdog that the last daemon left running on its way down.
    const held = 'ls -l /proc/$(systemctl show -P MainPID walt-agent)/fd | grep -c /dev/watchdog'
    expect(await onNode(platform, node, held)).toBe('1\n')
  })

  it('takes no command that was meant for the user space before', async () => {
    const { bootId } = await restartAgain(2)
    const given = { bootId, deadline: Date.now() + 60_000 }
    for (const meant of [{}, { userSpace: 1 }]) {
      const id = `stale-${Object.keys(meant).length}`
      expect(await mqttCommand(platform, node, id, { ...given, ...meant, command: 'reboot' })).toMatchObject({
        ok: false,
        code: 'stale-boot',
      })
    }
    expect(await mqttCommand(platform, node, 'fresh', { ...given, userSpace: 2, command: 'ping' })).toEqual({
      ok: true,
    })
  })

  it('is rebooted as a whole afterwards as ever', async () => {
    const [before, kernel] = [await showNode(platform, node), await kernelBoot(node)]
    await platform.walt('node', 'reboot', node)
    const after = await nextBoot(platform, node, before.bootId)
    expect(after.userSpace).toBeUndefined()
    expect(await kernelBoot(node)).not.toBe(kernel)
  })

  it('is hard-rebooted at boot.timeout when it does not come back', async () => {
    const before = await nextBoot(platform, 'stuck', undefined)
    const unit = '-p TimeoutStopSec=infinity -p ExecStop="/bin/sleep infinity" sleep infinity'
    await onNode(platform, 'stuck', `systemd-run ${unit}`)
    expect((await restart('stuck')).status).toBe(0)
    await nextBoot(platform, 'stuck', before.bootId)
    const { history } = await platform.waltJson<Shown>('node', 'show', 'stuck')
    expect(history.map(({ cause }) => cause)).toContain('not booted within 60 s')
  })

  async function restartAgain(count: number): Promise<Shown> {
    expect((await restart(node)).status).toBe(0)
    return inUserSpace(count)
  }
})
