/**
 * The registry: every node with its status, in memory, written through to the store. Changes that a person asks for
 * are stored before they count; what nodes report counts at once and is stored in order behind it.
 */
import type { BootReport } from '@walt/shared/boot-report'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { resolveNodeSet } from '@walt/shared/node-sets'
import { checkNodeSettings, effectiveNodeSettings, type NodeSettings } from '@walt/shared/node-settings'
import type { Inventory } from '@walt/shared/payloads'
import type { Log } from '../log.ts'
import type { HistoryEntry, LatestReports, Store } from '../store/store.ts'
import type { BootTicket } from './boot-ticket.ts'
import type { BootTickets } from './boot-tickets.ts'
import { createNodeIndex, type FleetNode, type NodeIndex } from './node-index.ts'
import { type NetworkPlan, type NodeRecord, virtualNodeMac, virtualNodeModel } from './node-record.ts'
import { type kexecCause, type NodeEvent, type NodeStatus, newNodeStatus, nextStatus } from './node-status.ts'

export type { FleetNode }

/** `node` is absent once it is removed; `before` and `event` are there where its status changed. */
export type FleetChange = { name: string; node?: FleetNode; before?: NodeStatus; event?: NodeEvent }

export type NewNode = {
  name: string
  image: string
  mac?: string | undefined
  model?: string | undefined
  settings?: Record<string, string> | undefined
}

export type Report = { kind: 'boot'; report: BootReport } | { kind: 'inventory'; report: Inventory }

export type Fleet = {
  list(): FleetNode[]
  /** @throws WaltError `node-unknown` */
  get(name: string): FleetNode
  find(name: string): FleetNode | undefined
  findByMac(mac: string): FleetNode | undefined
  settingsOf(name: string): NodeSettings
  /** Names of a node set. @throws WaltError `node-unknown`, `node-set-invalid` */
  resolve(set: string): string[]
  /** @throws WaltError `node-exists`, `mac-taken`, `addresses-exhausted`, `fleet-full`, `setting-...` */
  add(node: NewNode): Promise<FleetNode>
  remove(name: string): Promise<void>
  setSettings(names: readonly string[], settings: Record<string, string>): Promise<void>
  setImage(name: string, image: string): Promise<void>
  /** Begins a boot of the node's image. */
  beginBoot(name: string, cause?: typeof kexecCause): Promise<BootTicket>
  /** An event of a node that was removed in the meantime is dropped. */
  record(name: string, event: NodeEvent): void
  report(name: string, report: Report): void
  details(name: string): Promise<{ history: HistoryEntry[]; latest: LatestReports }>
  /** Returns how to stop listening. */
  subscribe(listener: (change: FleetChange) => void): () => void
  /** When all that was recorded so far is stored. */
  settled(): Promise<void>
}

export async function createFleet(options: {
  store: Store
  tickets: BootTickets
  network: NetworkPlan
  now: () => number
  log: Log
}): Promise<Fleet> {
  const { store, tickets, network, now, log } = options
  const statuses = await store.statuses()
  const index = createNodeIndex(network)
  for (const record of await store.nodes()) {
    index.add({ record, status: statuses.get(record.name) ?? newNodeStatus(record.createdAt) })
  }
  const { nodes } = index
  const listeners = new Set<(change: FleetChange) => void>()
  let writes = Promise.resolve()

  function tell(change: FleetChange): void {
    for (const listener of listeners) listener(change)
  }

  function write(what: string, run: () => Promise<void>): void {
    writes = writes.then(run).catch((thrown) => log.error(`${what} could not be stored: ${reasonOf(thrown)}`))
  }

  function get(name: string): FleetNode {
    const node = nodes.get(name)
    if (!node)
      throw new WaltError('node-unknown', `No node is named "${name}". "walt node show" lists the nodes.`)
    return node
  }

  async function change(name: string, changes: Partial<NodeRecord>): Promise<void> {
    const record = { ...get(name).record, ...changes }
    await store.putNode(record)
    const node = nodes.get(name)
    if (!node) return
    node.record = record
    tell({ name, node })
  }

  function record(name: string, event: NodeEvent): void {
    const node = nodes.get(name)
    if (!node) return
    const before = node.status
    const status = nextStatus(before, event, now())
    if (status === before) return
    node.status = status
    if (status.state !== before.state)
      log.info(`${name}: ${status.state}${status.cause ? `, ${status.cause}` : ''}`)
    write(`the state of ${name}`, async () => {
      if (nodes.has(name)) await store.putStatus(name, status)
    })
    tell({ name, node, before, event })
  }

  return {
    list: () => [...nodes.values()],
    get,
    find: (name) => nodes.get(name),
    findByMac: (mac) => index.byMac.get(mac),
    settingsOf: (name) => effectiveNodeSettings(get(name).record.settings),
    resolve: (set) =>
      resolveNodeSet(
        set,
        [...nodes.values()].map(({ record: { name, image }, status }) => {
          return { name, image, booted: status.state === 'booted' }
        }),
      ),
    async add(wanted) {
      const record = newRecord(wanted, index, now())
      const node = { record, status: newNodeStatus(record.createdAt) }
      index.add(node)
      try {
        await store.putNode(record)
      } catch (thrown) {
        index.delete(node)
        throw thrown
      }
      tell({ name: record.name, node })
      return node
    },
    async remove(name) {
      index.delete(get(name))
      tickets.forget(name)
      await writes
      await store.removeNode(name)
      tell({ name })
    },
    async setSettings(names, settings) {
      // All are checked before any is changed.
      const checked = names.map((name) => {
        const { record: old } = get(name)
        return { name, settings: { ...old.settings, ...checkNodeSettings(settings, old.virtual) } }
      })
      for (const one of checked) await change(one.name, { settings: one.settings })
    },
    setImage: (name, image) => change(name, { image }),
    async beginBoot(name, cause) {
      const { image, settings } = get(name).record
      const ticket = await tickets.begin(name, image, settings)
      record(name, { type: 'boot-started', bootId: ticket.bootId, image: ticket.image, cause })
      return ticket
    },
    record,
    report(name, { kind, report }) {
      write(`the ${kind} report of ${name}`, async () => {
        if (nodes.has(name)) await store.putLatest(name, kind, report)
      })
    },
    async details(name) {
      get(name)
      await writes
      return { history: await store.history(name), latest: await store.latest(name) }
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    settled: () => writes,
  }
}

/** The record of a new node among the others. */
export function newRecord(
  wanted: NewNode,
  { nodes, byMac, freeAddress }: NodeIndex,
  createdAt: number,
): NodeRecord {
  if (nodes.has(wanted.name)) {
    throw new WaltError('node-exists', `A node named "${wanted.name}" exists already.`)
  }
  if (nodes.size >= limits.nodesMax) {
    throw new WaltError('fleet-full', `There are ${nodes.size} nodes already, and no server takes more.`)
  }
  const owner = wanted.mac === undefined ? undefined : byMac.get(wanted.mac)?.record
  if (owner)
    throw new WaltError('mac-taken', `The MAC address ${owner.mac} is that of the node "${owner.name}".`)
  const virtual = wanted.mac === undefined
  return {
    name: wanted.name,
    mac: wanted.mac ?? virtualNodeMac(wanted.name, new Set(byMac.keys())),
    model: wanted.model ?? virtualNodeModel,
    virtual,
    address: freeAddress(),
    image: wanted.image,
    settings: checkNodeSettings(wanted.settings ?? {}, virtual),
    createdAt,
  }
}
