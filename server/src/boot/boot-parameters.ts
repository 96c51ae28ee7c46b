/**
 * What a node's kernel is told. Pure. The names are the contract with the agent (shared/src/kernel-command-line.ts).
 * The image's path is the resolved one, not the node's symlink: a boot keeps its image until the next boot, even if
 * the symlink is moved meanwhile.
 */
import type { NodeSettings } from '@walt/shared/node-settings'
import type { ServerConfig } from '../config.ts'
import type { BootTicket } from '../fleet/boot-ticket.ts'
import { type NodeRecord, netmaskOf } from '../fleet/node-record.ts'
import type { ImageIdentity } from './image-identity.ts'

export type BootParameters = {
  kernelArguments: string
  /** Below the image's root. */
  kernelPath: string
  initrdPath: string
}

export function bootParameters(boot: {
  node: NodeRecord
  ticket: BootTicket
  settings: NodeSettings
  /** Of a node that may boot a copy of the image on a disk. */
  image?: ImageIdentity | undefined
  /** Absolute paths on the server, as the NFS server exports them. */
  imagePath: string
  persistPath: string
  config: Pick<ServerConfig, 'network' | 'http' | 'broker' | 'swap'>
}): BootParameters {
  const { node, ticket, settings, image, config } = boot
  const server = config.network.address
  const words = [
    'root=/dev/nfs',
    `nfsroot=${server}:${boot.imagePath},nfsvers=3,tcp,nolock`,
    'ro',
    'init=/bin/walt-init',
    `ip=${node.address}:${server}::${netmaskOf(config.network.prefix)}:${node.name}:eth0:off`,
    `walt.server.ip=${server}`,
    `walt.node.name=${node.name}`,
    `walt.node.model=${node.model}`,
    `walt.node.mac=${node.mac}`,
    `walt.boot.id=${ticket.bootId}`,
    `walt.token=${ticket.token}`,
    `walt.image=${ticket.image}`,
    ...(image ? [`walt.image.id=${image.id}`, `walt.image.size=${image.bytes}`] : []),
    `walt.swap=${settings.swap}`,
    `walt.persist=${settings['mount.persist'] ? `${server}:${boot.persistPath}` : 'off'}`,
    `walt.virtual=${node.virtual ? 1 : 0}`,
    `walt.kexec=${settings['kexec.allow'] ? 1 : 0}`,
    `walt.root.lost=${settings['root.lost']}`,
    // An initramfs that finds no NFS server tries for three minutes; then it reboots, where this is, and stays, where not.
    'panic=10',
    `walt.http.port=${config.http.port}`,
    `walt.mqtt.port=${config.broker.port}`,
    `walt.nbd.port=${config.swap.port}`,
    settings['boot.arguments'],
  ]
  return {
    kernelArguments: words.filter((word) => word !== '').join(' '),
    kernelPath: `/boot/${node.model}/kernel`,
    initrdPath: `/boot/${node.model}/initrd`,
  }
}

/** The iPXE script of a physical node (https://ipxe.org/scripting). */
export function ipxeScript(origin: string, mac: string, kernelArguments: string): string {
  const lines = [
    '#!ipxe',
    `kernel ${origin}/boot/${mac}/kernel ${kernelArguments} BOOTIF=01-${mac.replaceAll(':', '-')}`,
    `initrd ${origin}/boot/${mac}/initrd`,
    'boot',
  ]
  return `${lines.join('\n')}\n`
}
