import { parseKernelCommandLine } from '@walt/shared/kernel-command-line'
import { effectiveNodeSettings, type GivenNodeSettings } from '@walt/shared/node-settings'
import { describe, expect, test } from 'vitest'
import { readServerConfig } from '../config.ts'
import type { NodeRecord } from '../fleet/node-record.ts'
import { bootParameters, ipxeScript } from './boot-parameters.ts'
import type { ImageIdentity } from './image-identity.ts'

const node: NodeRecord = {
  ...{
    name: 'vnode1',
    mac: '52:54:00:84:cb:72',
    model: 'pc-x86-64',
    virtual: true,
    address: '192.168.152.10',
  },
  ...{ image: 'debian13', settings: {}, createdAt: 0 },
}
const ticket = {
  ...{ node: 'vnode1', bootId: '0123456789abcdef', token: 'f'.repeat(32) },
  ...{ image: 'debian12', startedAt: 0 },
}

function kernelArguments(settings: GivenNodeSettings = {}, config = '', image?: ImageIdentity) {
  return bootParameters({
    ...{ node, ticket, settings: effectiveNodeSettings(settings), config: readServerConfig(config) },
    image,
    imagePath: '/var/lib/walt/images/debian12/fs',
    persistPath: '/var/lib/walt/nodes/vnode1/persist',
  }).kernelArguments
}

describe('boot parameters', () => {
  test('are read by the agent as they were meant', () => {
    const { settings, problems } = parseKernelCommandLine(kernelArguments())
    expect(problems).toEqual([])
    expect(settings).toMatchObject({
      ...{ serverIp: '192.168.152.1', nodeName: 'vnode1', nodeModel: 'pc-x86-64', nodeMac: node.mac },
      ...{ bootId: ticket.bootId, token: ticket.token, image: 'debian12', virtual: true, kexec: true },
      ...{ swapBytes: 16 * 1024 ** 3, mqttPort: 1883, nbdPort: 10_809 },
      nfsRoot: { server: '192.168.152.1', path: '/var/lib/walt/images/debian12/fs' },
      persist: { server: '192.168.152.1', path: '/var/lib/walt/nodes/vnode1/persist' },
    })
  })

  test('carry the settings of the node and the ports of the server', () => {
    const given = {
      swap: 'off',
      'mount.persist': 'false',
      'kexec.allow': 'false',
      'root.lost': 'wait',
      'boot.arguments': 'walt.swap=1G quiet',
    }
    const line = kernelArguments({ ...given }, 'broker: { port: 18830 }\nhttp: { port: 8888 }')
    expect(line.endsWith(' walt.swap=1G quiet')).toBe(true)
    // The last one counts: a person's words win.
    expect(parseKernelCommandLine(line).settings).toMatchObject({
      ...{ persist: 'off', kexec: false, swapBytes: 1024 ** 3, mqttPort: 18_830, httpPort: 8888 },
      rootLost: 'wait',
    })
  })

  test('tell a node that may have a disk which state of the image it boots', () => {
    const image = { id: 'debian12-0123456789abcdef', bytes: 700_000_000 }
    expect(parseKernelCommandLine(kernelArguments({}, '', image))).toMatchObject({
      problems: [],
      settings: { imageId: image.id, imageBytes: image.bytes },
    })
    expect(kernelArguments()).not.toContain('walt.image.')
  })

  test('tell the kernel its address, so that it needs no DHCP', () => {
    expect(kernelArguments()).toContain('ip=192.168.152.10:192.168.152.1::255.255.255.0:vnode1:eth0:off')
  })

  test('make an iPXE script', () => {
    expect(ipxeScript('http://192.168.152.1:8080', node.mac, 'ro quiet').split('\n')).toEqual([
      '#!ipxe',
      'kernel http://192.168.152.1:8080/boot/52:54:00:84:cb:72/kernel ro quiet BOOTIF=01-52-54-00-84-cb-72',
      'initrd http://192.168.152.1:8080/boot/52:54:00:84:cb:72/initrd',
      'boot',
      '',
    ])
  })
})
