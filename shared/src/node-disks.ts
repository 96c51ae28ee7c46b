/** Disks of a virtual node, as WalT writes them: `32G[template=ext4],1T`. */
import { WaltError } from './errors.ts'
import { limits } from './limits.ts'
import { formatSize, parseSize } from './sizes.ts'

/** One partition of ext4, or none; the others ask for a hybrid boot mode, volatile or persistent. */
export const diskTemplates = ['none', 'ext4', 'hybrid-boot-v', 'hybrid-boot-p'] as const

export type NodeDisk = { sizeBytes: number; template: (typeof diskTemplates)[number] }

/** @throws WaltError `disks-invalid` */
export function parseNodeDisks(text: string): NodeDisk[] {
  if (text === '') return []
  const words = text.split(',')
  const { nodeDisksMax: max } = limits
  if (words.length > max) throw new WaltError('disks-invalid', `a node has at most ${max} disks`)
  return words.map(parseDisk)
}

function parseDisk(text: string): NodeDisk {
  const [, size = '', name = 'none'] = /^([^[]+)(?:\[template=([^\]]*)\])?$/.exec(text) ?? []
  const template = diskTemplates.find((one) => one === name)
  if (size === '' || template === undefined) {
    const message = `disks read like 32G or 32G[template=ext4],1T; templates are ${diskTemplates.join(', ')}`
    throw new WaltError('disks-invalid', message)
  }
  const sizeBytes = parseSize(size)
  const { nodeDiskMinBytes: min, nodeDiskMaxBytes: max } = limits
  if (sizeBytes < min || sizeBytes > max) {
    throw new WaltError('disks-invalid', `a disk is from ${formatSize(min)} to ${formatSize(max)}`)
  }
  return { sizeBytes, template }
}
