/**
 * The memory of the agent's daemon on a node of 512 MB, a minute after its start, with MQTT and telemetry on, as the node
 * tells it itself. Each round is a boot of its own; what is allowed stands beside it.
 */
import type { Telemetry } from '@walt/shared/payloads'
import { eventually } from '../support/eventually.ts'
import { bootNode } from '../support/node-probes.ts'
import { type Platform, prepareImages, startPlatform } from '../support/platform.ts'
import { canRunNodes } from '../support/requirements.ts'
import { median } from './median.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const settledSeconds = 75
const allowed = { resident: 62e6, anonymous: 22e6 }

export async function memoryBench(): Promise<void> {
  if (!canRunNodes('user-mode-linux')) {
    process.exitCode = 1
    return
  }
  await prepareImages({ fresh: false, onOutput: (text) => process.stderr.write(text) })
  const platform = await startPlatform({ purpose: 'bench', engine: 'uml' })
  try {
    const measures: Telemetry['agent'][] = []
    for (let round = 0; round < rounds; round += 1) measures.push(await measure(platform))
    console.log(`memory of the daemon after ${settledSeconds} s, medians of ${rounds} boots`)
    console.log(line('resident', median(measures.map((one) => one.residentBytes)), allowed.resident))
    console.log(line('anonymous', median(measures.map((one) => one.anonymousBytes)), allowed.anonymous))
  } finally {
    await platform.stop()
  }
}

async function measure(platform: Platform): Promise<Telemetry['agent']> {
  const node = 'bench-memory'
  await bootNode(platform, node)
  const { agent } = await eventually('telemetry of a node that has settled', 180_000, async () => {
    const { telemetry } = await platform.waltJson<{ telemetry?: Telemetry }>('node', 'show', node)
    return telemetry !== undefined && telemetry.uptimeSeconds > settledSeconds && telemetry
  })
  await platform.walt('node', 'remove', node)
  return agent
}

function line(what: string, bytes: number, most: number): string {
  const verdict = bytes <= most ? 'within' : 'OVER'
  return `${what.padEnd(10)} ${(bytes / 1e6).toFixed(1).padStart(5)} MB, ${verdict} ${most / 1e6} MB`
}
