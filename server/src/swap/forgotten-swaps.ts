import type { NodeStateName } from '../fleet/node-status.ts'
import type { SwapFigures } from './swap-event.ts'

const gone: ReadonlySet<NodeStateName> = new Set(['off', 'down', 'lost'])

/**
 * Pure: the swap files that nobody will come back for: without a connection for longer than `graceMs`, of a node that has
 * been gone for as long. A node that is up keeps its swap, whatever it does with it.
 */
export function forgottenSwaps(facts: {
  swaps: readonly Pick<SwapFigures, 'node' | 'bootId' | 'connections' | 'since'>[]
  nodes: ReadonlyMap<string, { state: NodeStateName; since: number }>
  graceMs: number
  now: number
}): { node: string; bootId: string }[] {
  const { swaps, nodes, graceMs, now } = facts
  return swaps
    .filter(({ node, connections, since }) => {
      const status = nodes.get(node)
      if (!status || !gone.has(status.state)) return false
      return connections === 0 && now - since > graceMs && now - status.since > graceMs
    })
    .map(({ node, bootId }) => ({ node, bootId }))
}
