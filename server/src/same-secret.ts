import { timingSafeEqual } from 'node:crypto'

/** Compares without telling by its time how much of a guess is right. */
export function sameSecret(expected: string, given: string): boolean {
  const [right, guess] = [Buffer.from(expected), Buffer.from(given)]
  return right.length === guess.length && timingSafeEqual(right, guess)
}
