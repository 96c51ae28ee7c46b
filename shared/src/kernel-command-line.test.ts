import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseKernelCommandLine, splitCommandLine } from './kernel-command-line.ts'
import { limits } from './limits.ts'

const example =
  'root=/dev/nfs nfsroot=192.168.152.1:/var/lib/walt/images/debian/fs,nfsvers=3,tcp,nolock ro init=/bin/walt-init ' +
  'ip=192.168.152.10:192.168.152.1::255.255.255.0:vnode1:eth0:off walt.server.ip=192.168.152.1 walt.node.name=vnode1 ' +
  'walt.node.model=pc-x86-64 walt.node.mac=52:54:00:12:34:56 walt.boot.id=0123456789abcdef ' +
  'walt.token=00112233445566778899aabbccddeeff walt.image=debian walt.swap=512M walt.tmpfs=40% ' +
  'walt.persist=192.168.152.1:/var/lib/walt/nodes/vnode1/persist walt.virtual=1 walt.kexec=0 walt.reboot.grace=2.5'

describe('the kernel command line', () => {
  it('is read as the server writes it', () => {
    const { settings, problems } = parseKernelCommandLine(example)
    expect(problems).toEqual([])
    expect(settings).toMatchObject({
      serverIp: '192.168.152.1',
      nodeName: 'vnode1',
      nodeModel: 'pc-x86-64',
      nodeMac: '52:54:00:12:34:56',
      bootId: '0123456789abcdef',
      token: '00112233445566778899aabbccddeeff',
      image: 'debian',
      nfsRoot: { server: '192.168.152.1', path: '/var/lib/walt/images/debian/fs' },
      swapBytes: 512 * 1024 ** 2,
      tmpfs: { percent: 40 },
      persist: { server: '192.168.152.1', path: '/var/lib/walt/nodes/vnode1/persist' },
      virtual: true,
      kexec: false,
      rebootGraceMs: 2_500,
    })
  })

  it('has WalT’s defaults, and does not say more than it knows', () => {
    const { settings, problems } = parseKernelCommandLine('quiet splash')
    expect(problems).toEqual([])
    expect(settings).toEqual({
      swapBytes: 16 * 1024 ** 3,
      tmpfs: { percent: 50 },
      tmpfsSwapBytes: 8 * 1024 ** 3,
      persist: 'default',
      kexec: true,
      rescue: 'reboot',
      watchdogSeconds: 60,
      rootLost: { rebootAfterSeconds: 300 },
      mqttPort: 1883,
      nbdPort: 10_809,
      httpPort: 8080,
      controlAllow: [],
      rebootHookMs: limits.rebootHookMs,
      rebootGraceMs: limits.rebootGraceMs,
    })
  })

  it('names a bad value and goes on with the default', () => {
    for (const [word, name] of [
      ['walt.swap=lots', 'swapBytes'],
      ['walt.swap=2T', 'swapBytes'],
      ['walt.swap=', 'swapBytes'],
      ['walt.tmpfs=101%', 'tmpfs'],
      ['walt.tmpfs=0%', 'tmpfs'],
      ['walt.persist=nowhere', 'persist'],
      ['walt.kexec=yes', 'kexec'],
      ['walt.rescue=panic', 'rescue'],
      ['walt.mqtt.port=0', 'mqttPort'],
      ['walt.watchdog=3', 'watchdogSeconds'],
      ['walt.watchdog=on', 'watchdogSeconds'],
      ['walt.root.lost=reboot', 'rootLost'],
      ['walt.nbd.port=65536', 'nbdPort'],
      ['walt.control.allow=10.0.0.1,nobody', 'controlAllow'],
      ['walt.reboot.hook=-1', 'rebootHookMs'],
      ['walt.boot.id=xyz', 'bootId'],
      ['walt.node.name=No/Name', 'nodeName'],
    ] as const) {
      const { settings, problems } = parseKernelCommandLine(word)
      expect(problems).toHaveLength(1)
      expect(problems[0]).toContain(`${word} on the kernel command line is ignored: `)
      expect(settings[name]).toEqual(parseKernelCommandLine('').settings[name])
    }
  })

  it('takes the last of several values, as the kernel does, and paths of the server named anywhere', () => {
    const { settings, problems } = parseKernelCommandLine(
      'nfsroot=/images/a walt.swap=1G walt.server.ip=10.0.0.1 walt.swap=off',
    )
    expect(problems).toEqual([])
    expect(settings.swapBytes).toBe('off')
    expect(settings.nfsRoot).toEqual({ server: '10.0.0.1', path: '/images/a' })
  })

  it('has a watchdog, for as long as it is told, or none', () => {
    const of = (text: string) => parseKernelCommandLine(text).settings.watchdogSeconds
    expect([of(''), of('walt.watchdog=20'), of('walt.watchdog=off')]).toEqual([60, 20, 'off'])
  })

  it('knows the machine by PXE’s BOOTIF where nothing better is said', () => {
    const bootif = 'BOOTIF=01-52-54-00-AB-CD-EF'
    expect(parseKernelCommandLine(bootif).settings.nodeMac).toBe('52:54:00:ab:cd:ef')
    expect(parseKernelCommandLine(`${bootif} walt.node.mac=52:54:00:00:00:01`).settings.nodeMac).toBe(
      '52:54:00:00:00:01',
    )
    expect(parseKernelCommandLine('BOOTIF=eth0').problems[0]).toContain('BOOTIF=eth0')
  })

  it('keeps blanks inside quotes together', () => {
    expect(splitCommandLine('a="b c" "d=e f"  g')).toEqual(['a=b c', 'd=e f', 'g'])
    expect(splitCommandLine('a="never closed b')).toEqual(['a=never closed b'])
  })

  it('throws nothing, whatever it holds, and never shows the token', () => {
    const value = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom('1G', 'off', '1', '10.0.0.1:/x', '"', '%', '__proto__'),
    )
    const name = fc.constantFrom(
      'walt.server.ip',
      'walt.swap',
      'walt.tmpfs',
      'walt.persist',
      'nfsroot',
      'BOOTIF',
      'walt.boot.id',
      'walt.control.allow',
      'x',
    )
    const word = fc.tuple(name, value).map(([one, other]) => `${one}=${other}`)
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.string({ maxLength: 8 })), { maxLength: 20 }), (words) => {
        const { settings, problems } = parseKernelCommandLine([...words, 'walt.token=secret0'].join(' '))
        expect(settings.kexec).toBe(true)
        expect(problems.join('\n')).not.toContain('secret0')
      }),
    )
  })
})
