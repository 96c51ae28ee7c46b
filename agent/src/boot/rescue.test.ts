import { describe, expect, it } from 'vitest'
import { createFakeKernel } from '../linux/fake-kernel.ts'
import { planRescue, rescueNode } from './rescue.ts'

const failure = { step: 'overlay', reason: 'mount union on /mnt type overlay: no such device (ENODEV)' }

/** Ends the endless: the test's kernel is gone after so many reboots. */
class Gone extends Error {}

async function rescue(options: { wanted: 'reboot' | 'shell'; reboots: number; shell?: () => Promise<void> }) {
  const events: string[] = []
  let reboots = 0
  const tools = {
    kernel: createFakeKernel({
      reboot: () => {
        events.push('reboot')
        reboots += 1
        throw new Error('not permitted')
      },
    }),
    say: (line: string) => void events.push(line),
    sleep: async (ms: number) => {
      events.push(`sleep ${ms}`)
      if (reboots >= options.reboots) throw new Gone()
    },
    runShell: options.shell ?? (async () => void events.push('shell')),
  }
  await expect(rescueNode(planRescue(failure, options.wanted), tools)).rejects.toBeInstanceOf(Gone)
  return events
}

describe('rescue', () => {
  it('says in plain words what failed and what to do, then reboots after 10 s', async () => {
    const events = await rescue({ wanted: 'reboot', reboots: 1 })
    expect(events.slice(0, 6)).toEqual([
      'this node cannot boot: step overlay failed.',
      failure.reason,
      expect.stringContaining('kernel module overlay'),
      expect.stringContaining('reboots in 10 s'),
      'sleep 10000',
      'reboot',
    ])
  })

  it('gives a shell where it was asked for, and reboots when it ends', async () => {
    const events = await rescue({ wanted: 'shell', reboots: 1 })
    expect(events.slice(4, 6)).toEqual(['shell', 'reboot'])
  })

  it('reboots when there is no shell to give', async () => {
    const shell = () => Promise.reject(new Error('spawn /bin/sh ENOENT'))
    const events = await rescue({ wanted: 'shell', reboots: 1, shell })
    expect(events.slice(4, 6)).toEqual(['no shell: spawn /bin/sh ENOENT', 'reboot'])
  })

  it('tries again when the reboot fails, since the first process must not end', async () => {
    const events = await rescue({ wanted: 'reboot', reboots: 3 })
    expect(events.filter((event) => event === 'reboot')).toHaveLength(3)
  })
})
