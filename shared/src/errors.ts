/**
 * An operating failure: something outside the program did not do what was needed.
 * `code` is stable and meant for programs (`swap-unreachable`); `message` is meant for a person: what failed, on
 * what, why, and what to do next. Bugs are asserted instead.
 */
export class WaltError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'WaltError'
    this.code = code
  }
}

/** The message of whatever was thrown, for a sentence of our own. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
