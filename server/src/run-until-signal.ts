import { reasonOf } from '@walt/shared/errors'
import type { Log } from './log.ts'

/** Starts, waits for SIGTERM or SIGINT, and stops. A second signal ends the program at once. */
export async function runUntilSignal(
  start: () => Promise<{ stop(): Promise<void> }>,
  log: Log,
): Promise<void> {
  let told = 0
  const asked = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        told += 1
        if (told > 1) process.exit(1)
        log.info(`stopping (${signal})`)
        resolve()
      })
    }
    // A bug: what is left cannot be trusted, but machines and files are to be left in order.
    process.on('uncaughtException', (error) => {
      log.error(`a bug: ${error.stack ?? reasonOf(error)}`)
      process.exitCode = 1
      told += 1
      resolve()
    })
  })
  const server = await start()
  await asked
  await server.stop()
  // Handles that somebody forgot must not keep a stopped server.
  process.exit()
}
