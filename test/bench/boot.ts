/**
 * The boot stage in an emulated PC: from the image's `init=` to the system's own init, with the agent's binary brought
 * from NFS by walt-init in a few large reads, and beside it without (page by page, as the kernel does it). The two take
 * turns in one run; medians and their ratio are printed, and what of the stage was over before the agent's first line.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { addImageVariant } from '../support/image-variants.ts'
import { bootNode } from '../support/node-probes.ts'
import { type Platform, prepareImages, startPlatform } from '../support/platform.ts'
import { repositoryFolder } from '../support/repository.ts'
import { canRunNodes } from '../support/requirements.ts'
import { median } from './median.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const marker = 'bench: init at'

type Measure = { stageMs: number; beforeAgentMs: number }

export async function bootBench(): Promise<void> {
  if (!canRunNodes('qemu-system-x86')) {
    process.exitCode = 1
    return
  }
  await prepareImages({ fresh: false, onOutput: (text) => process.stderr.write(text) })
  const platform = await startPlatform({ purpose: 'bench', engine: 'qemu' })
  try {
    await addVariants(platform)
    const measures: Record<string, Measure[]> = { prefetched: [], demanded: [] }
    for (let round = 0; round < rounds; round += 1) {
      for (const [image, list] of Object.entries(measures)) list.push(await measureBoot(platform, image))
    }
    console.log(`boot stage in QEMU, medians of ${rounds} boots each, taking turns`)
    const [prefetched, demanded] = Object.values(measures).map((list) => ({
      stageMs: median(list.map((one) => one.stageMs)),
      beforeAgentMs: median(list.map((one) => one.beforeAgentMs)),
    }))
    if (!prefetched || !demanded) return
    console.log(line('with walt-init reading ahead', prefetched))
    console.log(line('page by page', demanded))
    console.log(`ratio ${(prefetched.stageMs / demanded.stageMs).toFixed(2)}`)
  } finally {
    await platform.stop()
  }
}

/** The same walt-init, with its start time on the console; and with nothing to read ahead. */
async function addVariants(platform: Platform): Promise<void> {
  const script = await readFile(path.join(repositoryFolder, 'image-hooks/files/usr/bin/walt-init'), 'utf8')
  const content = script.replace('\n', `\nread -r uptime idle < /proc/uptime; echo "${marker} $uptime"\n`)
  const init = { path: 'usr/bin/walt-init', content, executable: true }
  await addImageVariant(platform, 'prefetched', [init])
  await addImageVariant(platform, 'demanded', [init, { path: 'usr/lib/walt/walt-agent.ranges', content: '' }])
}

async function measureBoot(platform: Platform, image: string): Promise<Measure> {
  const node = `bench-${image}`
  const { bootReport } = await bootNode(platform, node, { 'boot.timeout': 'none' }, image)
  const console = await platform.console(node)
  await platform.walt('node', 'remove', node)
  const started = new RegExp(`${marker} ([0-9.]+)`).exec(console)
  if (!started || !bootReport) throw new Error(`${node}: its console does not tell when walt-init began`)
  const beforeAgentMs = bootReport.kernelUptimeMs - Number(started[1]) * 1000
  const firstStepMs = bootReport.steps[0]?.startedMs ?? 0
  return { stageMs: beforeAgentMs + bootReport.totalMs - firstStepMs, beforeAgentMs }
}

function line(what: string, { stageMs, beforeAgentMs }: Measure): string {
  const share = Math.round((100 * beforeAgentMs) / stageMs)
  return `${what.padEnd(30)} ${(stageMs / 1000).toFixed(1)} s, of which ${share} % before the agent's first step`
}
