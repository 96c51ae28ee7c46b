import { pino } from 'pino'

/** What the server says of its own work: a line for a person, to be read in its terminal or by journald. */
export type Log = {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/** One JSON object a line. */
export function createLog(destination: NodeJS.WritableStream = process.stderr): Log {
  // Whoever read it may be gone (EPIPE), and nobody is left to be told; that must not end a server.
  destination.on('error', () => undefined)
  const logger = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination)
  return {
    info: (message) => logger.info(message),
    warn: (message) => logger.warn(message),
    error: (message) => logger.error(message),
  }
}
