import { createHash } from 'node:crypto'
import { WaltError } from '@walt/shared/errors'
import type { GivenNodeSettings } from '@walt/shared/node-settings'

/** What the registry knows of a node whether it runs or not. */
export type NodeRecord = {
  name: string
  mac: string
  /** Names the folder of boot files in the image: `/boot/<model>/`. */
  model: string
  virtual: boolean
  address: string
  /** What the next boot runs. */
  image: string
  settings: GivenNodeSettings
  createdAt: number
}

export const virtualNodeModel = 'pc-x86-64'

/** The MAC address of a virtual node: the same name gives the same address, unless another node has it already. */
export function virtualNodeMac(name: string, taken: ReadonlySet<string>): string {
  for (let attempt = 0; attempt <= taken.size; attempt++) {
    const hash = createHash('sha256').update(`${name}/${attempt}`).digest('hex')
    const mac = `52:54:00:${hash.slice(0, 2)}:${hash.slice(2, 4)}:${hash.slice(4, 6)}`
    if (!taken.has(mac)) return mac
  }
  throw new WaltError('mac-exhausted', `No free MAC address was found for ${name}. Give one by hand.`)
}

export type NetworkPlan = { address: string; prefix: number; firstNode: number }

/**
 * The lowest free address of the nodes' network.
 * @throws WaltError `addresses-exhausted`
 */
export function freeAddress(network: NetworkPlan, taken: ReadonlySet<string>): string {
  const size = 2 ** (32 - network.prefix)
  const server = toNumber(network.address)
  const base = server - (server % size)
  for (let host = network.firstNode; host < size - 1; host++) {
    const address = toAddress(base + host)
    if (address !== network.address && !taken.has(address)) return address
  }
  const name = `${toAddress(base)}/${network.prefix}`
  throw new WaltError(
    'addresses-exhausted',
    `No address is free in ${name}: remove nodes, or widen the network.`,
  )
}

/** The number of an address within its network; of an address elsewhere, what it has in that place. */
export function hostOf(network: Pick<NetworkPlan, 'prefix'>, address: string): number {
  return toNumber(address) % 2 ** (32 - network.prefix)
}

export function netmaskOf(prefix: number): string {
  return toAddress(2 ** 32 - 2 ** (32 - prefix))
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
}
