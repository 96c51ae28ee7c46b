import type { NodeRecord } from '../fleet/node-record.ts'

/** A way to restart a node whatever its operating system does. */
export type PowerDriver = {
  /** Whether this driver is the one for the node. */
  serves(node: NodeRecord): boolean
  /** Cuts the power and gives it back; resolves once it is back. @throws WaltError */
  cycle(node: NodeRecord): Promise<void>
}

/** A virtual node's power is its machine's process. */
export function createVirtualPower(machines: { restart(name: string): Promise<void> }): PowerDriver {
  return {
    serves: (node) => node.virtual,
    cycle: (node) => machines.restart(node.name),
  }
}
