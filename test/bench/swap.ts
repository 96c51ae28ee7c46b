/**
 * The swap server beside nbdkit (file plugin), nbd-server and qemu-nbd: same clients, same file system, pages cached,
 * loopback. They take turns in one run, so that a noisy machine disturbs all; medians are printed, the ratio to each of
 * the others, the processor time an operation cost, and whether what is wanted was reached (see `loads`).
 * BENCH_ROUNDS, BENCH_LOADS (a part of their names) and BENCH_SERVERS (as `walt,nbdkit`) make it shorter.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { NbdLoad } from '../support/nbd-load.ts'
import { hasTool } from '../support/tools.ts'
import { median } from './median.ts'
import {
  clientsMax,
  cpuSeconds,
  exportBytes,
  exportName,
  peakBytes,
  type SwapTarget,
  startNbdkit,
  startNbdServer,
  startOurs,
  startQemuNbd,
} from './swap-targets.ts'

const run = promisify(execFile)
const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
const runSeconds = Number(process.env.BENCH_SECONDS ?? 1)
const peakWantedBytes = 80e6

type FioLoad = { by: 'fio'; mode: string; block: string; depth: number; pinned?: boolean }
type BatchLoad = { by: 'batches'; writes: number; depth: number; clients: number }
/** `wanted`: the least ratio of operations a second to nbdkit's; `cpuWanted`: the most ratio of processor time. */
type Load = (FioLoad | BatchLoad) & { name: string; wanted: number; cpuWanted?: number }

const fio = (mode: string, block: string, depth: number, wanted: number, cpuWanted?: number): Load => ({
  ...{ by: 'fio', mode, block, depth, wanted, name: `fio ${mode} ${block} depth ${depth}` },
  ...(cpuWanted === undefined ? {} : { cpuWanted }),
})
const pinned = (mode: string): Load => ({
  ...{ by: 'fio', mode, block: '4k', depth: 1, wanted: 1, pinned: true },
  name: `fio ${mode} 4k depth 1, pinned`,
})
const batches = (depth: number, clients: number, wanted: number): Load => ({
  ...{ by: 'batches', writes: 0.5, depth, clients, wanted, cpuWanted: 0.6 },
  name: `batches 4k depth ${depth}${clients > 1 ? `, ${clients} clients` : ''}`,
})

const loads: readonly Load[] = [
  pinned('randread'),
  pinned('randwrite'),
  fio('randread', '4k', 16, 1.1, 0.6),
  fio('randwrite', '4k', 16, 1.1, 0.6),
  fio('randread', '4k', 64, 1.1, 0.6),
  fio('randwrite', '4k', 64, 1.1, 0.6),
  batches(16, 1, 1.4),
  batches(64, 1, 2.5),
  batches(16, clientsMax, 1.5),
  fio('read', '128k', 4, 0.9),
  fio('write', '128k', 4, 0.9),
  fio('read', '1M', 4, 0.9),
  fio('write', '1M', 4, 0.9),
]

type Measure = { perSecond: number; cpuMicros: number }

export async function swapBench(): Promise<void> {
  const missing = ['fio', 'nbdkit', 'nbd-server', 'qemu-nbd', 'taskset'].filter((tool) => !hasTool(tool))
  if (missing.length > 0) {
    console.error(`The swap bench needs ${missing.join(', ')}.`)
    process.exitCode = 1
    return
  }
  const folder = mkdtempSync('/var/tmp/walt-bench-')
  const targets: SwapTarget[] = []
  const wanted = (process.env.BENCH_SERVERS ?? 'walt,nbdkit,nbd-server,qemu-nbd').split(',')
  try {
    for (const start of [startOurs, startNbdkit, startNbdServer, startQemuNbd]) {
      const target = await start(folder)
      if (wanted.includes(target.name)) targets.push(target)
      else await target.stop()
    }
    for (const target of targets) await fill(target, folder)
    console.log(`swap: medians of ${rounds} runs of ${runSeconds} s each, taking turns`)
    console.log(heading(targets))
    for (const load of loads.filter(({ name }) => name.includes(process.env.BENCH_LOADS ?? ''))) {
      console.log(await compare(targets, folder, load))
    }
    for (const target of targets) {
      const peak = peakBytes(target)
      const verdict =
        target.name === 'walt' ? ` (wanted: ${peakWantedBytes / 1e6}) ${met(peak <= peakWantedBytes)}` : ''
      console.log(`peak memory of ${target.name}: ${(peak / 1e6).toFixed(1)} MB${verdict}`)
    }
  } finally {
    for (const target of targets) await target.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const met = (yes: boolean) => (yes ? 'ok' : 'MISSED')

function heading(targets: readonly SwapTarget[]): string {
  const others = targets.slice(1).map(({ name }) => `: ${name}`.padStart(12))
  return [
    'load'.padEnd(34),
    'walt op/s',
    ...others,
    ' wanted',
    '   CPU us/op walt',
    ' nbdkit',
    ' ratio',
  ].join(' ')
}

async function compare(targets: readonly SwapTarget[], folder: string, load: Load): Promise<string> {
  const measures = targets.map((): Measure[] => [])
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, target] of targets.entries())
      measures[index]?.push(await measure(target, folder, load))
  }
  const medians = measures.map((all) => ({
    perSecond: median(all.map((one) => one.perSecond)),
    cpuMicros: median(all.map((one) => one.cpuMicros)),
  }))
  const [ours, nbdkit] = medians
  if (!ours || !nbdkit) throw new Error('the swap bench compares servers')
  const ratios = medians.slice(1).map((other) => ours.perSecond / other.perSecond)
  const cpuRatio = ours.cpuMicros / nbdkit.cpuMicros
  return [
    load.name.padEnd(34),
    ours.perSecond.toFixed(0).padStart(9),
    ...ratios.map((ratio) => ratio.toFixed(2).padStart(12)),
    `${load.wanted.toFixed(1).padStart(6)} ${met((ratios[0] ?? 0) >= load.wanted).padEnd(6)}`,
    ours.cpuMicros.toFixed(1).padStart(10),
    nbdkit.cpuMicros.toFixed(1).padStart(7),
    cpuRatio.toFixed(2).padStart(6),
    load.cpuWanted === undefined ? '' : `${load.cpuWanted} ${met(cpuRatio <= load.cpuWanted)}`,
  ].join(' ')
}

async function measure(target: SwapTarget, folder: string, load: Load): Promise<Measure> {
  const before = cpuSeconds(target)
  const { operations, perSecond } =
    load.by === 'fio' ? await runFio(target, folder, load) : await runBatches(target, load)
  return { perSecond, cpuMicros: ((cpuSeconds(target) - before) * 1e6) / operations }
}

type Done = { operations: number; perSecond: number }

async function runFio(target: SwapTarget, folder: string, load: FioLoad): Promise<Done> {
  // On one processor, server and client take turns without waking each other's.
  if (load.pinned) await pin(target, '0')
  try {
    const options = [`--rw=${load.mode}`, `--bs=${load.block}`, `--iodepth=${load.depth}`]
    return await fioOnce(target, folder, [...options, '--time_based', `--runtime=${runSeconds}`], load.pinned)
  } finally {
    if (load.pinned) await pin(target, '0-1023')
  }
}

const pin = (target: SwapTarget, processors: string) =>
  run('taskset', ['-a', '-c', '-p', processors, String(target.pid)])

async function fioOnce(
  target: SwapTarget,
  folder: string,
  options: readonly string[],
  pinned = false,
): Promise<Done> {
  const output = join(folder, 'fio.json')
  const [command = '', ...words] = [...(pinned ? ['taskset', '-c', '0'] : []), 'fio']
  await run(command, [
    ...words,
    ...['--name=swap', '--ioengine=nbd', `--uri=nbd://127.0.0.1:${target.port}/${exportName}`],
    ...['--size=512M', '--output-format=json', `--output=${output}`, ...options],
  ])
  const job = JSON.parse(readFileSync(output, 'utf8')).jobs[0]
  return { operations: job.read.total_ios + job.write.total_ios, perSecond: job.read.iops + job.write.iops }
}

async function runBatches(target: SwapTarget, load: BatchLoad): Promise<Done> {
  const { depth, writes } = load
  const clients = Array.from({ length: load.clients }, (_, index) => {
    const blocks = 16_384
    return { exportName, localAddress: `127.0.0.${index + 1}`, blocks, offset: index * blocks * 4096 }
  })
  const given: NbdLoad = { port: target.port, depth, writes, seconds: runSeconds, everyMs: 0, clients }
  const program = join(import.meta.dirname, '../support/nbd-load.ts')
  const { stdout } = await run(process.execPath, ['--no-warnings', program, JSON.stringify(given)])
  const operations = JSON.parse(stdout).reduce((sum: number, one: number) => sum + one, 0)
  return { operations, perSecond: operations / runSeconds }
}

/** Writes everything once, so that all blocks are there and cached. */
async function fill(target: SwapTarget, folder: string): Promise<void> {
  await fioOnce(target, folder, ['--rw=write', '--bs=1M', '--iodepth=2', `--size=${exportBytes}`])
  if (target.name === 'walt')
    await runBatches(target, { by: 'batches', writes: 1, depth: 64, clients: clientsMax })
}
