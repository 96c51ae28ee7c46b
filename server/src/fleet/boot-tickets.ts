/**
 * Each boot has a ticket: a fresh id, which commands name, and a fresh token, which is the node's password for that
 * boot. Only the newest ticket of a node is valid, so whatever an older boot still holds opens nothing.
 */
import { randomBytes } from 'node:crypto'
import type { GivenNodeSettings } from '@walt/shared/node-settings'
import { sameSecret } from '../same-secret.ts'
import type { Store } from '../store/store.ts'
import type { BootTicket } from './boot-ticket.ts'

export type BootTickets = {
  /** Begins a boot; the ticket of the boot before is void from here on. */
  begin(node: string, image: string, settings: GivenNodeSettings): Promise<BootTicket>
  current(node: string): BootTicket | undefined
  /** Whether this is the token of the node's current boot. */
  check(node: string, token: string): boolean
  all(): BootTicket[]
  forget(node: string): void
}

export async function createBootTickets(options: {
  store: Store
  now: () => number
  randomHex?: (bytes: number) => string
}): Promise<BootTickets> {
  const { store, now, randomHex = (bytes) => randomBytes(bytes).toString('hex') } = options
  const tickets = new Map((await store.tickets()).map((ticket) => [ticket.node, ticket]))
  return {
    async begin(node, image, settings) {
      const ticket = { node, bootId: randomHex(8), token: randomHex(16), image, startedAt: now(), settings }
      // Stored first: a server that is killed here must know the ticket that it handed out.
      await store.putTicket(ticket)
      tickets.set(node, ticket)
      return ticket
    },
    current: (node) => tickets.get(node),
    check(node, token) {
      const ticket = tickets.get(node)
      return ticket !== undefined && sameSecret(ticket.token, token)
    },
    all: () => [...tickets.values()],
    forget: (node) => tickets.delete(node),
  }
}
