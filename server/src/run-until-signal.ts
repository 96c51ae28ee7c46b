import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Log } from './log.ts'

/**
 * Starts, waits for SIGTERM or SIGINT, and stops. A second signal ends the program at once; what comes right behind the
 * first is not a second one: PR_SET_PDEATHSIG sends one for each thread of the parent that ends.
 */
export async function runUntilSignal(
  start: () => Promise<{ stop(): Promise<void> }>,
  log: Log,
): Promise<void> {
  let toldAt: number | undefined
  const asked = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        const now = performance.now()
        if (toldAt !== undefined && now - toldAt > limits.signalRepeatMs) process.exit(1)
        if (toldAt !== undefined) return
        toldAt = now
        log.info(`stopping (${signal})`)
        resolve()
      })
    }
    // A bug: what is left cannot be trusted, not to stop in order either. What outlives a server goes on, for the next one.
    process.on('uncaughtException', (error) => {
      log.error(`a bug: ${error.stack ?? reasonOf(error)}`)
      process.exit(1)
    })
  })
  const server = await start()
  await asked
  await server.stop()
  // Handles that somebody forgot must not keep a stopped server.
  process.exit()
}
