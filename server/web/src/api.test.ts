import * as v from 'valibot'
import { expect, test } from 'vitest'
import { createApi } from './api.ts'

/** A server that gives one answer, and what it was asked. */
function serverOf(answer: () => Response | Promise<Response>) {
  const asked: { url: string; authorization: string | null }[] = []
  let refusals = 0
  const api = createApi({
    async fetch(url, init) {
      asked.push({ url: String(url), authorization: new Headers(init?.headers).get('authorization') })
      return answer()
    },
    token: () => 'secret',
    onUnauthorized: () => {
      refusals += 1
    },
  })
  return { api, asked, refusals: () => refusals }
}
const list = v.array(v.number())

test('sends the token, and checks what comes back', async () => {
  const { api, asked } = serverOf(() => new Response('[1,2]'))
  expect(await api.call({ path: 'nodes' }, list)).toEqual([1, 2])
  expect(asked).toEqual([{ url: '/api/v1/nodes', authorization: 'Bearer secret' }])
  await expect(api.call({ path: 'nodes' }, v.object({}))).resolves.toBeDefined()
  await expect(api.call({ path: 'nodes' }, v.array(v.string()))).rejects.toMatchObject({
    code: 'server-answer-unexpected',
  })
})

test('tells errors in the words of the server', async () => {
  const problem = {
    type: 'urn:walt:error:x',
    title: 'x',
    status: 404,
    code: 'node-unknown',
    detail: 'No node.',
  }
  const { api } = serverOf(() => Response.json(problem, { status: 404 }))
  await expect(api.call({ path: 'nodes/x' }, list)).rejects.toMatchObject({
    code: 'node-unknown',
    message: 'No node.',
  })
  const broken = serverOf(() => new Response('<html>', { status: 502 }))
  await expect(broken.api.call({ path: 'x' }, list)).rejects.toThrow(/502/)
})

test('says when the token is refused, and when nobody answers', async () => {
  const { api, refusals } = serverOf(() =>
    Response.json({ code: 'unauthorized', detail: 'no' }, { status: 401 }),
  )
  await expect(api.call({ path: 'status' }, list)).rejects.toMatchObject({ code: 'unauthorized' })
  expect(refusals()).toBe(1)
  const away = serverOf(() => Promise.reject(new TypeError('Failed to fetch')))
  await expect(away.api.call({ path: 'status' }, list)).rejects.toMatchObject({ code: 'server-unreachable' })
})

test('hands out a stream as it comes, and ends it when its reader has had enough', async () => {
  let cancelled = false
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new TextEncoder().encode('x')),
    cancel: () => {
      cancelled = true
    },
  })
  const { api } = serverOf(() => new Response(body))
  for await (const text of api.stream({ path: 'events' })) {
    expect(text).toBe('x')
    break
  }
  expect(cancelled).toBe(true)
})
