import { parseKernelCommandLine } from '@walt/shared/kernel-command-line'
import { describe, expect, it } from 'vitest'
import type { BootFacts } from './facts.ts'
import { describePlan, minFreeBytes, planBoot } from './plan.ts'

const ours = 'walt.server.ip=192.168.152.1 walt.node.name=vnode1 walt.token=secret'

function facts(commandLine: string, rest: Partial<BootFacts> = {}): BootFacts {
  const { settings, problems } = parseKernelCommandLine(commandLine)
  return {
    settings,
    problems,
    ...(settings.nodeName === undefined ? {} : { nodeName: settings.nodeName }),
    commandLine,
    kernelUptimeMs: 0,
    memoryBytes: 512 * 1024 ** 2,
    virtual: true,
    missingMounts: [],
    diskControllers: [],
    preinit: 'absent',
    init: 'executable',
    systemd: true,
    unionPoint: '/mnt',
    ...rest,
  }
}

const names = (given: BootFacts) => planBoot(given).steps.map((step) => step.name)

describe('boot plan', () => {
  it('goes the whole way on a node of ours', () => {
    const given = facts(ours, { virtual: false, missingMounts: ['/run'], preinit: 'executable' })
    expect(names(given)).toEqual([
      'mounts',
      'preinit',
      'modules',
      'boot-mode',
      'tmpfs',
      'overlay',
      'identity',
      'persist',
      'clock',
      'swap',
      'tmpfs-grow',
      'zswap',
      'root',
    ])
  })

  it('requires a root and nothing else', () => {
    const required = planBoot(facts(ours)).steps.filter((step) => step.required)
    expect(required.map((step) => step.name)).toEqual(['tmpfs', 'overlay', 'root'])
  })

  describe('where the server says which state of the image it is', () => {
    const id = 'debian12-0123456789abcdef'
    const boot = 'walt.node.mac=52:54:00:00:00:01 walt.boot.id=0123456789abcdef'
    const known = facts(`${ours} ${boot} walt.image.id=${id} walt.image.size=700M`)

    it('has a way over a disk, which is left for RAM at the first doubt', () => {
      const { steps } = planBoot(known)
      expect(
        steps.filter((step) => step.way === 'hybrid').map(({ name, failsToWay }) => [name, failsToWay]),
      ).toEqual([
        ['hybrid-image', 'network'],
        ['hybrid-overlay', 'network'],
        ['local', undefined],
      ])
      expect(steps.filter((step) => step.way === 'network').map(({ name }) => name)).toEqual([
        'tmpfs',
        'overlay',
        'tmpfs-grow',
      ])
      expect(steps.filter((step) => step.opensWay !== undefined).map(({ name }) => name)).toEqual([
        'boot-mode',
      ])
      const image = steps.find((step) => step.name === 'hybrid-image')
      expect(image?.action).toEqual({
        ...{ kind: 'hybrid-image', id, bytes: 700 * 1024 ** 2 },
        tell: { server: '192.168.152.1', port: 8080, mac: '52:54:00:00:00:01', bootId: '0123456789abcdef' },
      })
      expect(steps.some((step) => step.way === 'hybrid' && step.required)).toBe(false)
    })

    it('prints both ways', () => {
      const text = describePlan(planBoot(known))
      expect(text).toMatch(
        /copy debian12-0123456789abcdef to the disk, unless it is there .*hybrid mode only/,
      )
      expect(text).toMatch(/mount a tmpfs of 50%.*network mode only/)
    })
  })

  it('knows no way over a disk where the server does not say which image it is', () => {
    const { steps } = planBoot(facts(ours))
    expect(steps.filter((step) => step.way === 'hybrid')).toEqual([])
    expect(steps.find((step) => step.name === 'boot-mode')?.action).toMatchObject({ imageKnown: false })
  })

  it('loads drivers only where there is something that disks may hang on', () => {
    expect(names(facts(ours))).not.toContain('disk-drivers')
    const given = names(facts(ours, { diskControllers: ['virtio:d00000002v00001AF4'] }))
    expect(given.indexOf('disk-drivers')).toBe(given.indexOf('boot-mode') - 1)
  })

  it('grows the tmpfs only when there is swap', () => {
    const grow = planBoot(facts(ours)).steps.find((step) => step.name === 'tmpfs-grow')
    expect(grow).toMatchObject({ needs: 'swap', action: { tmpfsSwapBytes: 8 * 1024 ** 3 } })
    expect(names(facts(`${ours} walt.swap=off`))).not.toContain('swap')
    expect(names(facts(`${ours} walt.swap=off`))).not.toContain('tmpfs-grow')
  })

  it('asks for the swap export by its size and raises the free memory with it', () => {
    const swap = planBoot(facts(`${ours} walt.swap=512M walt.nbd.port=10810`)).steps.find(
      (step) => step.name === 'swap',
    )
    expect(swap?.action).toEqual({
      kind: 'swap',
      server: '192.168.152.1',
      port: 10_810,
      exportName: 'swap-512M',
      minFreeBytes: 16 * 1024 ** 2,
    })
  })

  it('keeps free memory within bounds on small and large machines', () => {
    expect(minFreeBytes(64 * 1024 ** 2)).toBe(8 * 1024 ** 2)
    expect(minFreeBytes(64 * 1024 ** 3)).toBe(64 * 1024 ** 2)
  })

  it('finds WalT’s own share of the node when none is named', () => {
    const persist = planBoot(facts(ours)).steps.find((step) => step.name === 'persist')
    expect(persist?.action).toMatchObject({
      share: { server: '192.168.152.1', path: '/var/lib/walt/nodes/vnode1/persist' },
      target: '/mnt/persist',
    })
    expect(names(facts(`${ours} walt.persist=off`))).not.toContain('persist')
  })

  it('sets the clock of a physical node only', () => {
    expect(names(facts(ours))).not.toContain('clock')
    expect(names(facts(ours, { virtual: false }))).toContain('clock')
  })

  it('still makes a root without any command line of ours', () => {
    expect(names(facts('quiet splash'))).toEqual([
      'modules',
      'boot-mode',
      'tmpfs',
      'overlay',
      'zswap',
      'root',
    ])
  })

  it('names a preinit that cannot run, and bad values, as problems', () => {
    const given = facts(`${ours} walt.swap=lots`, { preinit: 'not-executable' })
    expect(planBoot(given).problems).toEqual([
      expect.stringContaining('walt.swap=lots'),
      '/bin/walt-preinit is not executable on image',
    ])
    expect(names(given)).toContain('swap')
  })

  it('prints itself without the token', () => {
    const text = describePlan(planBoot(facts(ours)))
    expect(text).toContain('attach swap-16G of 192.168.152.1 port 10809 to /dev/nbd0, swap on it')
    expect(text).toContain('execute /sbin/init')
    expect(text).not.toContain('secret')
  })
})
