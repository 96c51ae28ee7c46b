/** The network of virtual nodes: a bridge with the server's address, and a tap for each machine. */
import { runCommand } from '../run-command.ts'

export type NodeNetwork = {
  start(): Promise<void>
  /** Takes away what was made here. */
  stop(): Promise<void>
  /** Makes the tap of a machine; one that a killed server left is replaced. */
  addTap(tap: string): Promise<void>
  /** Takes over the tap of a machine that goes on; false where it is gone. */
  keepTap(tap: string): Promise<boolean>
  /** Takes away taps of an earlier server that are not among those added and kept. */
  removeStrays(): Promise<void>
  removeTap(tap: string): Promise<void>
}

/** At most 15 characters (IFNAMSIZ), the same for the same machine. */
export function tapNameOf(mac: string): string {
  return `walt${mac.replaceAll(':', '').slice(-6)}`
}

/** What is made here has this alias (ip-link(8)), by which the next server, and the guard, know it again. */
export function linkAliasOf(state: string): string {
  // IFALIASZ of linux/if.h is 256.
  return `walt-server ${state}`.slice(0, 255)
}

export function createNodeNetwork(options: {
  bridge: string
  address: string
  prefix: number
  alias: string
}): NodeNetwork {
  const { bridge, address, prefix, alias } = options
  const ip = (...words: string[]) => runCommand('ip', words)
  const taps = new Set<string>()
  let made = false

  async function links(): Promise<{ ifname: string; ifalias?: string }[]> {
    return JSON.parse(await ip('-json', 'link', 'show'))
  }

  async function exists(name: string): Promise<boolean> {
    return (await links()).some(({ ifname }) => ifname === name)
  }

  async function remove(name: string): Promise<void> {
    if (await exists(name)) await ip('link', 'delete', name)
  }

  return {
    async start() {
      const there = (await links()).find(({ ifname }) => ifname === bridge)
      if (!there) {
        await ip('link', 'add', bridge, 'type', 'bridge', 'forward_delay', '0')
        await ip('link', 'set', bridge, 'alias', alias)
      }
      made = !there || there.ifalias === alias
      const shown: { addr_info: { local: string }[] }[] = JSON.parse(
        await ip('-json', 'address', 'show', bridge),
      )
      const addresses = shown.flatMap(({ addr_info }) => addr_info).map(({ local }) => local)
      if (!addresses.includes(address)) await ip('address', 'add', `${address}/${prefix}`, 'dev', bridge)
      await ip('link', 'set', bridge, 'up')
    },
    async stop() {
      for (const tap of taps) await remove(tap)
      taps.clear()
      if (made) await remove(bridge)
      made = false
    },
    async addTap(tap) {
      await remove(tap)
      await ip('tuntap', 'add', 'dev', tap, 'mode', 'tap')
      taps.add(tap)
      await ip('link', 'set', tap, 'alias', alias, 'master', bridge, 'up')
    },
    async keepTap(tap) {
      const kept = await exists(tap)
      if (kept) taps.add(tap)
      return kept
    },
    async removeStrays() {
      const own = (await links()).filter(({ ifalias }) => ifalias === alias).map(({ ifname }) => ifname)
      for (const name of own) if (name !== bridge && !taps.has(name)) await remove(name)
    },
    async removeTap(tap) {
      await remove(tap)
      taps.delete(tap)
    },
  }
}
