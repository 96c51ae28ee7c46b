import { expect, test } from 'vitest'
import type { AlertView, NodeView } from '../../src/http/api-schema.ts'
import { createApi } from './api.ts'
import { createLiveFleet, unknownFleet, withAlert, withEvents } from './live-fleet.ts'

const view = (name: string, state: NodeView['state']): NodeView => ({
  name,
  state,
  mac: '02:00:00:00:00:01',
  model: 'pc',
  virtual: true,
  address: '127.0.0.10',
  image: 'debian12',
  createdAt: 0,
  settings: { given: {}, effective: {} },
  since: 0,
  bootTries: 0,
})
const event = (one: NodeView) =>
  `event: node\ndata: ${JSON.stringify({ node: one.name, at: 1, view: one })}\n\n`

/** A server whose event stream the test writes. */
function playedServer() {
  const streams: ReadableStreamDefaultController<Uint8Array>[] = []
  const write = (text: string) => streams.at(-1)?.enqueue(new TextEncoder().encode(text))
  let nodes = [view('a', 'booted'), view('b', 'down')]
  const api = createApi({
    async fetch(url, init) {
      if (String(url).endsWith('/alerts')) return Response.json([])
      if (!String(url).endsWith('/events')) return Response.json(nodes)
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          streams.push(controller)
          init?.signal?.addEventListener('abort', () => controller.error(new Error('aborted')), {
            once: true,
          })
        },
      })
      return new Response(body)
    },
    token: () => 'x',
    onUnauthorized: () => undefined,
  })
  const setNodes = (next: NodeView[]) => {
    nodes = next
  }
  return { api, write, streams, setNodes }
}

test('has the list, then each change, and all anew after a break', async () => {
  const { api, write, streams, setNodes } = playedServer()
  const fleet = createLiveFleet({ api, random: () => 0, soon: (act) => setTimeout(act, 1) })
  fleet.start()
  await expect.poll(() => streams.length).toBe(1)
  write(': walt\n\n')
  // Before the list is there, and newer than it.
  write(event(view('b', 'booting')))
  const state = (name: string) => fleet.store.get().nodes.get(name)?.state
  await expect.poll(() => [fleet.store.get().connection, state('b')]).toEqual(['live', 'booting'])
  write(event(view('a', 'rebooting')))
  await expect.poll(() => state('a')).toBe('rebooting')

  setNodes([view('c', 'new')])
  streams[0]?.close()
  await expect.poll(() => fleet.store.get().connection).toBe('reconnecting')
  expect(state('a')).toBe('rebooting')
  await expect.poll(() => streams.length).toBe(2)
  write(': walt\n\n')
  await expect.poll(() => [...fleet.store.get().nodes.keys()]).toEqual(['c'])
  fleet.stop()
  expect(fleet.store.get()).toBe(unknownFleet)
})

test('a node that is removed goes', () => {
  const fleet = withEvents(unknownFleet, [{ node: 'a', at: 0, view: view('a', 'new') }])
  expect(withEvents(fleet, [{ node: 'a', at: 1 }]).nodes.size).toBe(0)
  expect(withEvents(fleet, [])).toBe(fleet)
})

test('an alert is replaced by its news', () => {
  const alert: AlertView = { id: 1, kind: 'node-lost', node: 'a', level: 'critical', message: 'm', since: 0 }
  const [one] = withAlert([alert], { ...alert, resolvedAt: 5 })
  expect(one).toMatchObject({ id: 1, resolvedAt: 5 })
  expect(withAlert([alert], { ...alert, id: 2 }).map(({ id }) => id)).toEqual([2, 1])
})
