/** Simulated nodes of a server on loopback: registered by its API, booted by HTTP. */
import type { LoopbackServer } from './loopback-server.ts'
import { bootNode, macOf, type SimulatedNode } from './simulated-node.ts'

const concurrent = 16

/** Registers the node, and begins a boot of it. The first node has the number 1. */
export async function playNode(server: LoopbackServer, name: string, number: number): Promise<SimulatedNode> {
  await server.createNode(name, number)
  return bootRegistered(server, name)
}

/** Nodes that the server has registered, of two images; in the order of the names. */
export async function registerNodes(server: LoopbackServer, names: readonly string[]): Promise<void> {
  await inTurn(names, async (name, index) => {
    const image = index % 3 === 0 ? 'debian13' : 'debian12'
    const created = await server.api('POST', 'nodes', { name, mac: macOf(index), image })
    if (created.status !== 201) throw new Error(`${name}: ${created.body}`)
  })
}

/** Begins a boot of each, and connects it to the broker. */
export function bootAll(server: LoopbackServer, names: readonly string[]): Promise<SimulatedNode[]> {
  return inTurn(names, (name) => bootRegistered(server, name))
}

export async function bootRegistered(server: LoopbackServer, name: string): Promise<SimulatedNode> {
  const { http, broker } = server.config
  const { address, mac } = (await server.api('GET', `nodes/${name}`)).json<{ address: string; mac: string }>()
  return bootNode({ http: http.port, broker: broker.port }, { name, mac, address })
}

/** A few at a time; results in order. */
async function inTurn<T, R>(items: readonly T[], act: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const waiting = items.entries()
  async function work(): Promise<void> {
    for (const [index, item] of waiting) results[index] = await act(item, index)
  }
  await Promise.all(Array.from({ length: concurrent }, work))
  return results
}
