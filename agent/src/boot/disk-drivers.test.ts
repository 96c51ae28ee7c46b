import { describe, expect, it } from 'vitest'
import { diskControllers } from './disk-drivers.ts'

const ahci = 'pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01'
const ide = 'pci:v00008086d00007010sv00001AF4sd00001100bc01sc01i80'
const nvme = 'pci:v0000144Dd0000A808sv0000144Dsd0000A801bc01sc08i02'
const network = 'pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00'
const virtioBlock = 'virtio:d00000002v00001AF4'
const virtioScsi = 'virtio:d00000008v00001AF4'
const virtioNetwork = 'virtio:d00000001v00001AF4'

describe('disk controllers', () => {
  it('are told from all other devices, each once', () => {
    const all = [network, nvme, virtioNetwork, ahci, ahci, virtioBlock, virtioScsi]
    expect(diskControllers(all, false)).toEqual([ahci, nvme, virtioBlock, virtioScsi].toSorted())
  })

  it('of a virtual machine are those that it was given disks by', () => {
    expect(diskControllers([ide, virtioNetwork], true)).toEqual([])
    expect(diskControllers([ide, virtioBlock], true)).toEqual([virtioBlock])
  })
})
