/**
 * `npm run soak -- NAME [--rounds N]`: what is claimed to hold each time, tried many times on real parts. Too long for CI;
 * run it before a release, and after changes to what it is about. A line for each round, then a verdict.
 */
import { parseArgs } from 'node:util'
import { kexecSoak } from './kexec.ts'
import type { PlayRound, SoakScenario } from './soak-scenario.ts'

const scenarios: Record<string, SoakScenario> = { kexec: kexecSoak }

const say = (line: string) => console.log(line)

function usage(): string {
  const lines = Object.entries(scenarios).map(([name, { claim, rounds, roundSeconds }]) => {
    return `  ${name.padEnd(10)} ${claim}\n  ${''.padEnd(10)} (${rounds} rounds of about ${roundSeconds} s each)`
  })
  return `Usage: npm run soak -- NAME [--rounds N]

Plays a scenario round after round, as root, on machines of its own in a network namespace of its own.
It stops at the first round that fails, and after Ctrl-C, and takes down what it started.

${lines.join('\n')}

Exit status: 0 all rounds were passed, 1 one failed or none could be played, 2 wrong usage, 130 Ctrl-C.
WALT_KEEP=1 keeps the state folder of the run (.cache/runs), with the consoles.`
}

function wrongUsage(message: string): never {
  console.error(`${message}\n\n${usage()}`)
  process.exit(2)
}

function readArguments(): { name: string; scenario: SoakScenario; rounds: number } {
  const options = { rounds: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const
  const { values, positionals } = parse()
  function parse() {
    try {
      return parseArgs({ options, allowPositionals: true })
    } catch (thrown) {
      return wrongUsage(thrown instanceof Error ? thrown.message : String(thrown))
    }
  }
  if (values.help) {
    say(usage())
    process.exit(0)
  }
  const [name = ''] = positionals
  const scenario = Object.hasOwn(scenarios, name) ? scenarios[name] : undefined
  if (!scenario || positionals.length !== 1) return wrongUsage('Name one scenario.')
  if (values.rounds !== undefined && !/^[1-9][0-9]{0,5}$/.test(values.rounds))
    return wrongUsage(`"${values.rounds}" is not a number of rounds.`)
  return { name, scenario, rounds: Number(values.rounds ?? scenario.rounds) }
}

/** How many rounds were passed, in a row. */
async function play(playRound: PlayRound, rounds: number): Promise<number> {
  for (let round = 1; round <= rounds; round++) {
    const began = Date.now()
    try {
      const words = await playRound(round)
      say(`round ${round} of ${rounds}: passed in ${Math.round((Date.now() - began) / 1000)} s: ${words}`)
    } catch (thrown) {
      say(`round ${round} of ${rounds}: FAILED: ${describe(thrown)}`)
      return round - 1
    }
  }
  return rounds
}

function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  return thrown.cause === undefined ? thrown.message : `${thrown.message} (${describe(thrown.cause)})`
}

const { name, scenario, rounds } = readArguments()
say(`${name}: ${scenario.claim}; ${rounds} rounds`)
let end = async () => {}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    say(`${name}: broken off`)
    await end()
    process.exit(130)
  })
}
try {
  const playRound = await scenario.prepare({
    say,
    onEnd(act) {
      end = act
    },
  })
  const passed = await play(playRound, rounds)
  say(`${name}: ${passed === rounds ? 'PASSED' : 'FAILED'}: ${passed} of ${rounds} rounds`)
  process.exitCode = passed === rounds ? 0 : 1
} catch (thrown) {
  say(`${name}: FAILED: no round could be played: ${describe(thrown)}`)
  process.exitCode = 1
} finally {
  await end()
}
