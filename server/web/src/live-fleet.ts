/**
 * The fleet as the server has it: the list, and then each change as an event. Events are listened to before the list is
 * asked for, so that nothing falls between the two; after a break both begin anew, which is right whatever was missed.
 */
import { createBackoff } from '@walt/shared/backoff'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import * as v from 'valibot'
import {
  type AlertView,
  alertView,
  alertViews,
  type FleetEventView,
  fleetEvent,
  type NodeView,
  nodeViews,
} from '../../src/http/api-schema.ts'
import type { Api } from './api.ts'
import { createEventParser, type ServerSentEvent } from './server-sent-events.ts'
import { createStore, type Store } from './store.ts'

export type Fleet = {
  connection: 'loading' | 'live' | 'reconnecting'
  /** Why it is not live. */
  problem?: string
  nodes: ReadonlyMap<string, NodeView>
  alerts: readonly AlertView[]
}

export type LiveFleet = {
  store: Store<Fleet>
  start(): void
  stop(): void
  listen(listener: Listener): () => void
}
type Listener = (event: FleetEventView) => void

export const unknownFleet: Fleet = { connection: 'loading', nodes: new Map(), alerts: [] }

/** Pure: the fleet after some events, all at once. */
export function withEvents(fleet: Fleet, events: readonly FleetEventView[]): Fleet {
  if (events.length === 0) return fleet
  const nodes = new Map(fleet.nodes)
  for (const { node, view } of events) {
    if (view) nodes.set(node, view)
    else nodes.delete(node)
  }
  return { ...fleet, nodes }
}

/** Pure: the alert as it is now, in its place or first. */
export function withAlert(alerts: readonly AlertView[], alert: AlertView): AlertView[] {
  const known = alerts.some((one) => one.id === alert.id)
  return known ? alerts.map((one) => (one.id === alert.id ? alert : one)) : [alert, ...alerts]
}

export function createLiveFleet(options: {
  api: Api
  random: () => number
  /** Calls back soon, once for all that comes until then. */
  soon: (act: () => void) => void
}): LiveFleet {
  const { api, random, soon } = options
  const store = createStore(unknownFleet)
  const listeners = new Set<Listener>()
  let running: AbortController | undefined

  async function run(signal: AbortSignal): Promise<void> {
    const backoff = createBackoff({
      minMs: limits.webReconnectMinMs,
      maxMs: limits.webReconnectMaxMs,
      random,
    })
    while (!signal.aborted) {
      const problem = await follow(signal, backoff.reset).then(
        () => new WaltError('server-unreachable', 'The server ended the connection.'),
        (thrown: unknown) => thrown,
      )
      if (signal.aborted || (problem instanceof WaltError && problem.code === 'unauthorized')) return
      store.update((fleet) => {
        const connection = fleet.connection === 'loading' ? 'loading' : 'reconnecting'
        return { ...fleet, connection, problem: reasonOf(problem) }
      })
      await pause(backoff.nextMs(), signal)
    }
  }

  /** Until the connection breaks. */
  async function follow(signal: AbortSignal, onLive: () => void): Promise<void> {
    const ended = new AbortController()
    const both = AbortSignal.any([signal, ended.signal])
    const parse = createEventParser()
    let pending: FleetEventView[] = []
    let live = false
    let silence = setTimeout(() => ended.abort(), limits.webSilenceMs)

    const flush = () => {
      if (!live || pending.length === 0) return
      const events = pending
      pending = []
      store.update((fleet) => withEvents(fleet, events))
      for (const event of events) for (const listener of listeners) listener(event)
    }
    async function read(): Promise<void> {
      const nodes = await api.call({ path: 'nodes', signal: both }, nodeViews)
      const alerts = await readAlerts(api, both)
      store.set({ connection: 'live', nodes: new Map(nodes.map((node) => [node.name, node])), alerts })
      live = true
      flush()
      onLive()
    }
    function take({ event, data }: ServerSentEvent): void {
      if (event === 'reset') ended.abort()
      const value: unknown = JSON.parse(data || 'null')
      if (event === 'alert') {
        const alert = v.parse(alertView, value)
        store.update((fleet) => ({ ...fleet, alerts: withAlert(fleet.alerts, alert) }))
      }
      if (event !== 'node') return
      if (pending.length === 0) soon(flush)
      pending.push(v.parse(fleetEvent, value))
    }

    let begun = false
    let failure: unknown
    try {
      for await (const text of api.stream({ path: 'events', signal: both })) {
        clearTimeout(silence)
        silence = setTimeout(() => ended.abort(), limits.webSilenceMs)
        if (!begun) {
          begun = true
          read().catch((thrown) => {
            failure = thrown
            ended.abort()
          })
        }
        for (const event of parse(text)) take(event)
      }
    } catch (thrown) {
      throw failure ?? (ended.signal.aborted ? silent() : thrown)
    } finally {
      clearTimeout(silence)
      ended.abort()
    }
    if (failure) throw failure
  }

  return {
    store,
    start() {
      if (running) return
      running = new AbortController()
      run(running.signal).catch((thrown) => {
        store.update((fleet) => ({ ...fleet, connection: 'reconnecting', problem: reasonOf(thrown) }))
      })
    },
    stop() {
      running?.abort()
      running = undefined
      store.set(unknownFleet)
    },
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

const silent = () =>
  new WaltError('server-unreachable', `The server was silent for ${limits.webSilenceMs / 1000} s.`)

/** A server without alerts has none. */
async function readAlerts(api: Api, signal: AbortSignal): Promise<AlertView[]> {
  return api.call({ path: 'alerts', signal }, alertViews).catch((thrown) => {
    if (thrown instanceof WaltError && thrown.code === 'not-found') return []
    throw thrown
  })
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}
