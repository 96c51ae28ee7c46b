import type { SwapBoot } from './messages.ts'

/** The current boot of each node, found by the node's name and by its address. */
export type BootTable = {
  allow: (boot: SwapBoot) => void
  deny: (node: string) => void
  ofNode: (node: string) => SwapBoot | undefined
  ofAddress: (address: string) => SwapBoot | undefined
}

export function createBootTable(): BootTable {
  const byNode = new Map<string, SwapBoot>()
  const byAddress = new Map<string, SwapBoot>()

  function deny(node: string): void {
    const known = byNode.get(node)
    if (!known) return
    byNode.delete(node)
    // The address may be another node's by now.
    if (byAddress.get(known.address) === known) byAddress.delete(known.address)
  }

  return {
    allow(boot) {
      deny(boot.node)
      byNode.set(boot.node, boot)
      byAddress.set(boot.address, boot)
    },
    deny,
    ofNode: (node) => byNode.get(node),
    ofAddress: (address) => byAddress.get(address),
  }
}
