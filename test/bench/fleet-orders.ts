/** What the measuring process and the process of the nodes say to each other, and the chance that both draw from. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { NodeIdentity, ServerPorts } from '../support/simulated-node.ts'

export type FleetOrder =
  | { type: 'start'; nodes: NodeIdentity[]; ports: ServerPorts; tickets: boolean; seed: number }
  | { type: 'boot' }
  | { type: 'lose'; indexes: number[]; again: boolean }
  | { type: 'look' }

export type NodeFigures = { name: string; state: string; connected: boolean; bootId?: string }

export type FleetAnswer = {
  result?: { nodes: NodeFigures[]; problems: Record<string, number> }
  failed?: string
}

/** Mulberry32: small, and good enough for load. From 0 to below 1. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export type Generator = {
  pid: number
  order(order: FleetOrder): Promise<NonNullable<FleetAnswer['result']>>
  end(): Promise<void>
}

export function startGenerator(): Generator {
  const child: ChildProcess = fork(fileURLToPath(new URL('fleet-generator.ts', import.meta.url)), {
    execArgv: ['--no-warnings'],
    serialization: 'advanced',
  })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return {
    pid: child.pid ?? 0,
    order(order) {
      return new Promise((resolve, reject) => {
        const ended = () => reject(new Error('the load generator ended'))
        child.once('exit', ended)
        child.once('message', ({ result, failed }: FleetAnswer) => {
          child.off('exit', ended)
          if (result) resolve(result)
          else reject(new Error(`the load generator: ${failed}`))
        })
        child.send(order)
      })
    },
    async end() {
      child.kill('SIGKILL')
      await gone
    },
  }
}
