import type { NodeRecord } from '../fleet/node-record.ts'

/** Whether a node's power can be cycled; if not, why. */
export type PowerOption = { available: true } | { available: false; reason: string }

/** A way to restart a node whatever its operating system does. */
export type PowerDriver = {
  /** What an answer calls it: `PoE-reboot`. */
  name: string
  /** Undefined: the node is not set up for this driver. */
  option(node: NodeRecord): PowerOption | undefined
  /** Cuts the power and gives it back; resolves once it is back. @throws WaltError */
  cycle(node: NodeRecord): Promise<void>
}

export type NodePower = Omit<PowerDriver, 'option'> & { option: PowerOption }

/** The first driver that a node is set up for. */
export function powerOf(drivers: readonly PowerDriver[], node: NodeRecord): NodePower {
  for (const driver of drivers) {
    const option = driver.option(node)
    if (option) return { ...driver, option }
  }
  const reason = 'none of poe.port, ipmi.address and power.command is set'
  return {
    name: 'PoE-reboot',
    option: { available: false, reason },
    cycle: () => Promise.reject(new Error(reason)),
  }
}

/** A virtual node's power is its machine's process. */
export function createVirtualPower(machines: { restart(name: string): Promise<void> }): PowerDriver {
  return {
    name: 'hard-reboot',
    option: (node) => (node.virtual ? { available: true } : undefined),
    cycle: (node) => machines.restart(node.name),
  }
}
