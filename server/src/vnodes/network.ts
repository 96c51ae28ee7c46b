/** The network of virtual nodes: a bridge with the server's address, and a tap for each machine. */
import { runCommand } from '../run-command.ts'

export type NodeNetwork = {
  start(): Promise<void>
  /** Takes away what was made here. */
  stop(): Promise<void>
  /** Makes the tap of a machine; one that a killed server left is replaced. */
  addTap(tap: string): Promise<void>
  removeTap(tap: string): Promise<void>
}

/** At most 15 characters (IFNAMSIZ), the same for the same machine. */
export function tapNameOf(mac: string): string {
  return `walt${mac.replaceAll(':', '').slice(-6)}`
}

export function createNodeNetwork(options: { bridge: string; address: string; prefix: number }): NodeNetwork {
  const { bridge, address, prefix } = options
  const ip = (...words: string[]) => runCommand('ip', words)
  const taps = new Set<string>()
  let made = false

  async function exists(name: string): Promise<boolean> {
    const links: { ifname: string }[] = JSON.parse(await ip('-json', 'link', 'show'))
    return links.some(({ ifname }) => ifname === name)
  }

  async function remove(name: string): Promise<void> {
    if (await exists(name)) await ip('link', 'delete', name)
  }

  return {
    async start() {
      if (!(await exists(bridge))) {
        await ip('link', 'add', bridge, 'type', 'bridge', 'forward_delay', '0')
        made = true
      }
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
      await ip('link', 'set', tap, 'master', bridge, 'up')
    },
    async removeTap(tap) {
      await remove(tap)
      taps.delete(tap)
    },
  }
}
