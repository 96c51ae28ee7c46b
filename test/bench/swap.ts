/**
 * The swap server beside nbdkit's file plugin: same client (fio's nbd engine), same file system, pages cached, loopback.
 * The two take turns in one run, so that a noisy machine disturbs both; medians and their ratio are printed, and the
 * processor time an operation cost the server.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { hasTool } from '../support/tools.ts'
import { median } from './median.ts'

const run = promisify(execFile)
const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
const runSeconds = 2
const exportName = 'swap-1G'

type Load = { mode: 'randread' | 'randwrite' | 'randrw' | 'read' | 'write'; block: string; depth: number }
const loads: Load[] = [
  { mode: 'randread', block: '4k', depth: 1 },
  { mode: 'randwrite', block: '4k', depth: 1 },
  { mode: 'randread', block: '4k', depth: 16 },
  { mode: 'randwrite', block: '4k', depth: 16 },
  { mode: 'randrw', block: '4k', depth: 64 },
  { mode: 'read', block: '128k', depth: 4 },
  { mode: 'write', block: '128k', depth: 4 },
]

type Target = { name: string; process: ChildProcess; port: number }
type Measure = { perSecond: number; cpuMicros: number }

export async function swapBench(): Promise<void> {
  const missing = ['fio', 'nbdkit'].filter((tool) => !hasTool(tool))
  if (missing.length > 0) {
    console.error(`The swap bench needs ${missing.join(' and ')}.`)
    process.exitCode = 1
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'walt-bench-'))
  const targets: Target[] = []
  try {
    targets.push(await startOurs(folder), await startNbdkit(folder))
    for (const target of targets)
      await measure(target, folder, { mode: 'write', block: '1M', depth: 2 }, true)
    console.log(`swap: medians of ${rounds} runs of ${runSeconds} s each, taking turns; fio, ${exportName}`)
    console.log('load                   walt op/s  nbdkit op/s  ratio   CPU us/op: walt  nbdkit')
    for (const load of loads) console.log(await compare(targets, folder, load))
  } finally {
    for (const target of targets) target.process.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

async function compare(targets: readonly Target[], folder: string, load: Load): Promise<string> {
  const measures = targets.map((): Measure[] => [])
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, target] of targets.entries())
      measures[index]?.push(await measure(target, folder, load))
  }
  const [ours, theirs] = measures.map((all) => ({
    perSecond: median(all.map((one) => one.perSecond)),
    cpuMicros: median(all.map((one) => one.cpuMicros)),
  }))
  if (!ours || !theirs) throw new Error('the swap bench compares two servers')
  return [
    `${load.mode} ${load.block} depth ${load.depth}`.padEnd(22),
    ours.perSecond.toFixed(0).padStart(9),
    theirs.perSecond.toFixed(0).padStart(12),
    (ours.perSecond / theirs.perSecond).toFixed(2).padStart(6),
    ours.cpuMicros.toFixed(1).padStart(17),
    theirs.cpuMicros.toFixed(1).padStart(7),
  ].join(' ')
}

/** One run of fio. `fill` writes everything once, so that all blocks are there and cached. */
async function measure(target: Target, folder: string, load: Load, fill = false): Promise<Measure> {
  const output = join(folder, 'fio.json')
  const before = cpuSeconds(target)
  await run('fio', [
    '--name=swap',
    '--ioengine=nbd',
    `--uri=nbd://127.0.0.1:${target.port}/${exportName}`,
    `--rw=${load.mode}`,
    `--bs=${load.block}`,
    `--iodepth=${load.depth}`,
    '--size=512M',
    ...(fill ? [] : ['--time_based', `--runtime=${runSeconds}`]),
    '--output-format=json',
    `--output=${output}`,
  ])
  const cpu = cpuSeconds(target) - before
  const job = JSON.parse(readFileSync(output, 'utf8')).jobs[0]
  const operations = job.read.total_ios + job.write.total_ios
  return { perSecond: job.read.iops + job.write.iops, cpuMicros: (cpu * 1e6) / operations }
}

/** User and system time of a process: fields 14 and 15 of /proc/PID/stat, in hundredths of a second. */
function cpuSeconds(target: Target): number {
  const fields = readFileSync(`/proc/${target.process.pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function startOurs(folder: string): Promise<Target> {
  const script = join(import.meta.dirname, 'swap-server.ts')
  const child = spawn(process.execPath, ['--no-warnings', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(createInterface(child.stdout), 'line')
  return { name: 'walt', process: child, port: Number(line) }
}

async function startNbdkit(folder: string): Promise<Target> {
  const port = await freePort()
  const file = join(folder, 'nbdkit.raw')
  writeFileSync(file, '')
  truncateSync(file, 1024 ** 3)
  const options = ['-f', '-i', '127.0.0.1', '-p', String(port), '-e', exportName, 'file', file]
  const child = spawn('nbdkit', options, { stdio: 'inherit' })
  for (let tries = 0; !(await answers(port)); tries += 1) {
    if (tries === 100) throw new Error('nbdkit does not listen')
    await wait(50)
  }
  return { name: 'nbdkit', process: child, port }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address ? address.port : 0
}

async function answers(port: number): Promise<boolean> {
  const socket = createConnection(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
