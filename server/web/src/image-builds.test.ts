import { expect, test } from 'vitest'
import { createApi } from './api.ts'
import { createImageBuilds } from './image-builds.ts'

function buildsOf(lines: readonly string[]) {
  const api = createApi({
    fetch: async () => new Response(lines.join('')),
    token: () => undefined,
    onUnauthorized: () => undefined,
  })
  return createImageBuilds({ api, now: () => 1 })
}

test('a build tells its lines, and how it ended', async () => {
  const builds = buildsOf([
    '{"progress":"fetching"}\n{"progress":"unp',
    'acking"}\n',
    '{"error":{"code":"image-build-failed","message":"no space"}}\n',
  ])
  builds.start({ name: 'debian12' })
  expect(builds.store.get()).toMatchObject([{ image: 'debian12', state: 'running' }])
  await expect.poll(() => builds.store.get()[0]?.state).toBe('failed')
  expect(builds.store.get()).toMatchObject([{ lines: ['fetching', 'unpacking'], problem: 'no space' }])
  builds.dismiss(1)
  expect(builds.store.get()).toEqual([])
})

test('an answer that breaks off is a failure', async () => {
  const builds = buildsOf(['{"progress":"fetching"}\n'])
  builds.start({ name: 'debian12' })
  await expect.poll(() => builds.store.get()[0]?.problem).toMatch(/ended the connection/)
})
