/**
 * What a server that starts makes of what an earlier one knew. Nodes have gone on meanwhile, or have not; who was
 * connected connects again by itself, and until then nothing speaks against what was known.
 */
import { limits } from '@walt/shared/limits'
import type { BootTicket } from './boot-ticket.ts'
import type { Fleet, FleetNode } from './fleet.ts'
import type { NodeEvent } from './node-status.ts'

/** Pure. A server may have been killed between handing out a ticket and storing that the boot began. */
export function missedBoot({ status }: FleetNode, ticket: BootTicket | undefined): NodeEvent | undefined {
  if (!ticket || ticket.bootId === status.bootId) return undefined
  return { type: 'boot-started', bootId: ticket.bootId, image: ticket.image }
}

/** Pure. Of a node that was booted, and has had its time to say that it is. */
export function silentSince({ status }: FleetNode, connected: boolean): NodeEvent | undefined {
  if (status.state !== 'booted' || status.bootId === undefined || connected) return undefined
  return { type: 'connection-lost', bootId: status.bootId }
}

export function recallBoots(fleet: Fleet, ticketOf: (node: string) => BootTicket | undefined): void {
  for (const node of fleet.list()) {
    const event = missedBoot(node, ticketOf(node.record.name))
    if (event) fleet.record(node.record.name, event)
  }
}

/** Waits for the nodes that were booted to connect again; those that have not are down then. Returns how to stop waiting. */
export function expectReconnects(fleet: Fleet, isConnected: (node: string) => boolean): () => void {
  const expected = fleet.list().filter(({ status }) => status.state === 'booted')
  const timer = setTimeout(() => {
    for (const { record } of expected) {
      const node = fleet.find(record.name)
      const event = node && silentSince(node, isConnected(record.name))
      if (event) fleet.record(record.name, event)
    }
  }, limits.nodeReconnectMs)
  return () => clearTimeout(timer)
}
