/** Waits between tries: doubling from `minMs` to `maxMs`, each spread over its upper half so that a fleet does not try in step. */
export function createBackoff(options: { minMs: number; maxMs: number; random: () => number }) {
  let tries = 0
  return {
    nextMs(): number {
      const full = Math.min(options.maxMs, options.minMs * 2 ** Math.min(tries, 30))
      tries += 1
      return Math.round(full / 2 + (full / 2) * options.random())
    },
    reset(): void {
      tries = 0
    },
  }
}
