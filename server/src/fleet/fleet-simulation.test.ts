import { expect, test } from 'vitest'
import { simulateHistory } from './fleet-simulation.ts'

/** SIMULATION_SEED plays the histories from there again; the first of them is the one that failed. */
const seed = Number(process.env.SIMULATION_SEED ?? Date.now() % 1_000_000_000)
const histories = 10_000
/** Of histories, so that one that failed has as many when it is played again. */
const stepsOf = (at: number) => 20 + (at % 40)

/** Mulberry32. */
function randomOf(from: number): () => number {
  let state = from >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test('the server is right about a node, whatever happened to messages, clocks, connections, and to itself', () => {
  console.log(`${histories} histories from SIMULATION_SEED=${seed}`)
  for (let count = 0; count < histories; count++) {
    const steps = stepsOf(seed + count)
    const wrong = simulateHistory(randomOf(seed + count), steps, () => undefined)
    if (wrong === undefined) continue
    const story: string[] = []
    simulateHistory(randomOf(seed + count), steps, (line) => story.push(line()))
    expect.fail(`SIMULATION_SEED=${seed + count}: ${wrong}\n${story.join('\n')}`)
  }
})
