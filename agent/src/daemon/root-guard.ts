/** Asks the root's NFS server again and again, and does what `watchRoot` says of the answers. */
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { RootLostPolicy } from '@walt/shared/root-lost'
import type { ImageLookup } from './image-lookup.ts'
import type { RootProbe } from './root-probe.ts'
import { freshRoot, type RootAnswer, watchRoot } from './root-watch.ts'

export type RootGuard = {
  /** Whether files of the image can be used without hanging, as far as is known. */
  answers(): boolean
  stop(): void
}

export type RootGuardOptions = {
  server: RootProbe
  image: ImageLookup
  policy: RootLostPolicy
  tell: (degraded: boolean, cause: string) => void
  /** May be called again as long as the machine runs. */
  reboot: (cause: string) => void
  warn: (message: string) => void
  nowMs: () => number
  intervalMs?: number
}

export function startRootGuard(options: RootGuardOptions): RootGuard {
  const { server, image, policy, nowMs, intervalMs = limits.rootProbeIntervalMs } = options
  let state = freshRoot(nowMs())
  let lookedUpAt = Number.NEGATIVE_INFINITY
  let asking = false

  async function ask(): Promise<RootAnswer> {
    const answer = await server.ask()
    if (answer !== 'answered') return answer
    const well = state.answer === 'answered' && state.degraded === undefined
    if (well && nowMs() - lookedUpAt < limits.rootLookupIntervalMs) return answer
    lookedUpAt = nowMs()
    return image.ask()
  }

  async function look(): Promise<void> {
    if (asking) return
    asking = true
    try {
      const next = watchRoot(state, { answer: await ask(), at: nowMs() }, policy)
      state = next.state
      if (next.action?.kind === 'tell') options.tell(next.action.degraded, next.action.cause)
      if (next.action?.kind === 'reboot') options.reboot(next.action.cause)
    } catch (thrown) {
      options.warn(`the root could not be watched: ${reasonOf(thrown)}`)
    } finally {
      asking = false
    }
  }

  const timer = setInterval(() => void look(), intervalMs)
  return {
    answers: () => state.answer === 'answered',
    stop() {
      clearInterval(timer)
      server.stop()
      image.stop()
    },
  }
}
