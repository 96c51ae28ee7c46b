/** Does what a person asked of nodes, and keeps each operation up to date as answers and events come. */
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { commandAnswer, type NodeView, rebootAnswer } from '../../src/http/api-schema.ts'
import type { Api } from './api.ts'
import type { LiveFleet } from './live-fleet.ts'
import { nodeSetOf } from './node-order.ts'
import {
  isOver,
  type NodeAnswer,
  newOperation,
  type Operation,
  type OperationKind,
  withAnswers,
  withFailure,
  withNews,
} from './operations.ts'
import { createStore, type Store } from './store.ts'

export type OperationRequest = {
  kind: OperationKind
  nodes: readonly NodeView[]
  /** Of `boot`. */
  image?: string
  /** Of `reboot` and `hard-reboot`: only nodes that a reboot would change. */
  ifChanged?: boolean
}

export type OperationRunner = {
  /** Newest first. */
  store: Store<readonly Operation[]>
  start(request: OperationRequest): void
  dismiss(id: number): void
}

/** Nodes of one request: small enough that a large fleet's progress is seen. */
const batchNodes = 100
const requestedBy = 'the dashboard'

export function createOperationRunner(options: {
  api: Api
  fleet: LiveFleet
  now: () => number
}): OperationRunner {
  const { api, fleet, now } = options
  const store = createStore<readonly Operation[]>([])
  let lastId = 0

  const change = (id: number, next: (operation: Operation) => Operation) =>
    store.update((all) => {
      const changed = all.map((one) => (one.id === id ? next(one) : one))
      return changed.some((one, index) => one !== all[index]) ? changed : all
    })

  fleet.listen((event) => {
    for (const one of store.get()) if (!isOver(one)) change(one.id, (it) => withNews(it, [event], now()))
  })

  async function ask(request: OperationRequest, names: readonly string[]): Promise<NodeAnswer[]> {
    const { kind, image = '', ifChanged = false } = request
    const nodes = nodeSetOf(names)
    const post = { method: 'POST', patient: true } as const
    if (kind === 'blink' || kind === 'unblink') {
      const body = { nodes, command: 'blink', on: kind === 'blink' }
      return (await api.call({ ...post, path: 'nodes/command', body }, commandAnswer)).results
    }
    if (kind === 'boot') {
      const body = { nodes, image, requestedBy }
      return (await api.call({ ...post, path: 'nodes/boot', body }, rebootAnswer)).results
    }
    const how = kind === 'userspace-reboot' ? { userspace: true } : { hard: kind === 'hard-reboot' }
    const body = { nodes, ...how, ifChanged, requestedBy }
    return (await api.call({ ...post, path: 'nodes/reboot', body }, rebootAnswer)).results
  }

  return {
    store,
    start(request) {
      lastId += 1
      const id = lastId
      const { kind, nodes } = request
      const operation = newOperation(id, kind, titleOf(request), nodes, now())
      store.update((all) => [operation, ...all].slice(0, limits.webOperationsMax))
      if (kind === 'wait') return
      for (const names of batches(nodes.map((node) => node.name))) {
        ask(request, names).then(
          (answers) => change(id, (one) => withAnswers(one, answers, now())),
          (thrown) => change(id, (one) => withFailure(one, names, reasonOf(thrown), now())),
        )
      }
    },
    dismiss: (id) => store.update((all) => all.filter((one) => one.id !== id)),
  }
}

/** Pure: `Reboot vnode[1-12]`. */
export function titleOf({ kind, nodes, image }: OperationRequest): string {
  const set = nodeSetOf(nodes.map((node) => node.name))
  const what = set.length <= 40 ? set : `${nodes.length} nodes`
  const words: Record<OperationKind, string> = {
    reboot: `Reboot ${what}`,
    'hard-reboot': `Hard-reboot ${what}`,
    'userspace-reboot': `Restart user space of ${what}`,
    boot: `Boot ${image} on ${what}`,
    blink: `Blink ${what}`,
    unblink: `Stop blinking ${what}`,
    wait: `Wait for ${what}`,
  }
  return words[kind]
}

/** Pure. */
export function batches(names: readonly string[]): string[][] {
  const found: string[][] = []
  for (let at = 0; at < names.length; at += batchNodes) found.push(names.slice(at, at + batchNodes))
  return found
}
