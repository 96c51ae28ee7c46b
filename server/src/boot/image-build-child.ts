/** An image is built by a process of its own: what it does as root for minutes can be ended whole, and slows nobody. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { WaltError } from '@walt/shared/errors'
import type { ServerConfig } from '../config.ts'
import { diesWithParent } from '../confined.ts'
import type { BuildImageRequest } from '../http/api-schema.ts'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))
const building = new Set<string>()

/**
 * Lines of progress. Ends with the build; an abort ends the build.
 * @throws WaltError `image-busy`, `image-build-failed`
 */
export async function* buildInChild(
  config: ServerConfig,
  request: BuildImageRequest,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const place = `${config.state}/${request.name}`
  if (building.has(place)) {
    throw new WaltError('image-busy', `The image ${request.name} is being built already.`)
  }
  building.add(place)
  const [command = '', ...words] = [...diesWithParent, process.execPath, ...process.execArgv, main]
  const child = spawn(command, [...words, ...buildWords(config, request)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  const end = () => child.kill('SIGKILL')
  signal.addEventListener('abort', end)
  let problem = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    problem = (problem + text).slice(-4_096)
  })
  try {
    yield* createInterface({ input: child.stdout })
    const [status] = await closed
    if (status === 0) return
    const reason = problem.trim().split('\n').at(-1) || `it ended with status ${status}`
    throw new WaltError('image-build-failed', reason.replace(/^walt-server: /, ''))
  } finally {
    signal.removeEventListener('abort', end)
    end()
    await closed
    // An aborted build is killed, and cannot clear up itself.
    await rm(join(config.state, 'cache', `build-${request.name}`), { recursive: true, force: true })
    building.delete(place)
  }
}

/** Pure: the command line of `walt-server image build`. */
export function buildWords(config: ServerConfig, request: BuildImageRequest): string[] {
  const mirror = request.mirror ?? config.images.mirror
  const option = (name: string, value: string | undefined | null) => (value ? [`--${name}`, value] : [])
  return [
    ...['image', 'build', request.name],
    ...option('state', config.state),
    ...option('suite', request.suite ?? config.images.suite),
    ...option('from', request.from),
    ...option('include', request.packages?.join(',')),
    ...option('mirror', mirror),
  ]
}
