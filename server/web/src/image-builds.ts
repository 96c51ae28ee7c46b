/** Builds of images that were started on this page. A build lives as long as its request: leaving the page ends it. */
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import * as v from 'valibot'
import { type BuildImageRequest, buildProgress } from '../../src/http/api-schema.ts'
import type { Api } from './api.ts'
import { createStore, type Store } from './store.ts'

export type ImageBuild = {
  id: number
  image: string
  state: 'running' | 'done' | 'failed' | 'ended'
  startedAt: number
  endedAt?: number
  lines: readonly string[]
  problem?: string
}

export type ImageBuilds = {
  store: Store<readonly ImageBuild[]>
  start(request: BuildImageRequest): void
  end(id: number): void
  dismiss(id: number): void
}

export function createImageBuilds(options: { api: Api; now: () => number }): ImageBuilds {
  const { api, now } = options
  const store = createStore<readonly ImageBuild[]>([])
  const running = new Map<number, AbortController>()
  let lastId = 0

  const change = (id: number, next: (build: ImageBuild) => ImageBuild) =>
    store.update((all) => all.map((one) => (one.id === id ? next(one) : one)))

  async function follow(id: number, body: BuildImageRequest, signal: AbortSignal): Promise<void> {
    let rest = ''
    for await (const text of api.stream({ method: 'POST', path: 'images', body, signal })) {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      const progress = lines.map((line) => v.parse(buildProgress, JSON.parse(line)))
      change(id, (build) => progress.reduce((one, next) => withProgress(one, next, now()), build))
    }
    change(id, (build) =>
      build.state === 'running' ? failed(build, 'The server ended the connection.', now()) : build,
    )
  }

  return {
    store,
    start(request) {
      lastId += 1
      const id = lastId
      const controller = new AbortController()
      running.set(id, controller)
      const build: ImageBuild = { id, image: request.name, state: 'running', startedAt: now(), lines: [] }
      store.update((all) => [build, ...all].slice(0, limits.webOperationsMax))
      follow(id, request, controller.signal)
        .catch((thrown) =>
          change(id, (one) =>
            controller.signal.aborted
              ? { ...one, state: 'ended', endedAt: now() }
              : failed(one, reasonOf(thrown), now()),
          ),
        )
        .finally(() => running.delete(id))
    },
    end: (id) => running.get(id)?.abort(),
    dismiss: (id) => store.update((all) => all.filter((one) => one.id !== id)),
  }
}

/** Pure. */
export function withProgress(
  build: ImageBuild,
  progress: v.InferOutput<typeof buildProgress>,
  now: number,
): ImageBuild {
  if ('done' in progress) return { ...build, state: 'done', endedAt: now }
  if ('error' in progress) return failed(build, progress.error.message, now)
  return { ...build, lines: [...build.lines, progress.progress].slice(-limits.webBuildLinesMax) }
}

function failed(build: ImageBuild, problem: string, now: number): ImageBuild {
  return { ...build, state: 'failed', problem, endedAt: now }
}
