/** The nodes of a fleet by name, MAC address and address, so that one more of ten thousand costs what the first did. */
import { freeAddress, hostOf, type NetworkPlan, type NodeRecord } from './node-record.ts'
import type { NodeStatus } from './node-status.ts'

export type FleetNode = { record: NodeRecord; status: NodeStatus }

export type NodeIndex = {
  nodes: ReadonlyMap<string, FleetNode>
  byMac: ReadonlyMap<string, FleetNode>
  add(node: FleetNode): void
  delete(node: FleetNode): void
  /** @throws WaltError `addresses-exhausted` */
  freeAddress(): string
}

export function createNodeIndex(network: NetworkPlan): NodeIndex {
  const nodes = new Map<string, FleetNode>()
  const byMac = new Map<string, FleetNode>()
  const addresses = new Set<string>()
  /** All lower ones are taken. */
  let firstNode = network.firstNode

  return {
    nodes,
    byMac,
    add(node) {
      nodes.set(node.record.name, node)
      byMac.set(node.record.mac, node)
      addresses.add(node.record.address)
    },
    delete({ record: { name, mac, address } }) {
      nodes.delete(name)
      byMac.delete(mac)
      addresses.delete(address)
      firstNode = Math.max(network.firstNode, Math.min(firstNode, hostOf(network, address)))
    },
    freeAddress() {
      const address = freeAddress({ ...network, firstNode }, addresses)
      firstNode = hostOf(network, address)
      return address
    },
  }
}
