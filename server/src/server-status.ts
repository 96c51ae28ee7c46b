import type { Broker } from './broker/broker.ts'
import type { ServerConfig } from './config.ts'
import type { Fleet } from './fleet/fleet.ts'
import type { NodeStateName } from './fleet/node-status.ts'
import type { ServerStatus } from './http/api-schema.ts'
import type { SwapProcess } from './swap/swap-process.ts'

/** How the parts do, gathered when it is asked for. */
export function createServerStatus(parts: {
  config: ServerConfig
  version: string
  startedAt: number
  sshKey: string
  fleet: Pick<Fleet, 'list'>
  broker: Pick<Broker, 'connections' | 'refused'>
  swap: Pick<SwapProcess, 'status'>
  nfs: { state(): string; readonly name: string }
  machines: { running(): number; readonly engine: string }
  images: { names(): Promise<string[]> }
}): () => Promise<ServerStatus> {
  const { config, version, startedAt, sshKey, fleet, broker, swap, nfs, machines, images } = parts
  return async () => {
    const states = fleet.list().map((node) => node.status.state)
    const count = (...wanted: NodeStateName[]) => states.filter((state) => wanted.includes(state)).length
    const { swaps, ...swapUse } = swap.status()
    const { address, prefix, bridge } = config.network
    return {
      version,
      startedAt,
      state: config.state,
      network: { address, prefix, bridge },
      sshKey,
      nodes: {
        total: states.length,
        booted: count('booted'),
        booting: count('booting'),
        rebooting: count('rebooting'),
        down: count('down', 'lost', 'off'),
      },
      broker: { port: config.broker.port, connections: broker.connections(), refused: broker.refused() },
      swap: { port: config.swap.port, ...swapUse, nodes: swaps },
      nfs: { server: nfs.name, state: nfs.state() },
      vnodes: { engine: machines.engine, running: machines.running() },
      images: (await images.names()).length,
    }
  }
}
