/** What is measured: walt-server as a process of its own, or mosquitto alone; and what each costs the machine. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '../support/eventually.ts'
import { type Answer, freePort, makeImage, request } from '../support/loopback-server.ts'
import type { ServerPorts } from '../support/simulated-node.ts'

const serverMain = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url))
const startMs = 60_000
export const mosquittoProgram = '/usr/sbin/mosquitto'
/** As many as this machine lets a process have. */
const withAllDescriptors = ['-c', 'ulimit -n "$(ulimit -Hn)"; exec "$@"', 'sh']

export type MeasuredServer = {
  ports: ServerPorts
  start(): Promise<void>
  kill(): Promise<void>
  /** Seconds of processor time so far, its children's included. */
  cpuSeconds(): number
  /** Of the server itself, and of its children: the swap server, whose pages of its program are counted once more. */
  residentBytes(): { own: number; children: number }
  /** All, and the state folder with it. */
  end(): Promise<void>
}

export type WaltServer = MeasuredServer & {
  operatorPassword(): Promise<string>
  api(method: string, path: string, body?: unknown): Promise<Answer>
}

/** BENCH_CPU_PROF names a folder for profiles of the server, which are written when it ends in order. */
const profiles = process.env.BENCH_CPU_PROF
const endSignal = profiles === undefined ? 'SIGKILL' : 'SIGTERM'

export async function prepareWaltServer(): Promise<WaltServer> {
  // On a disk: /tmp may be in memory, where no swap may be.
  const state = await mkdtemp('/var/tmp/walt-bench-fleet-')
  const [httpPort, brokerPort, swapPort] = [await freePort(), await freePort(), await freePort()]
  const config = join(state, 'server.yaml')
  const socketPath = join(state, 'run/api.sock')
  await writeFile(
    config,
    [
      `state: ${state}`,
      'network: { address: 127.0.0.1, prefix: 16, bridge: null }',
      `http: { port: ${httpPort} }`,
      `broker: { port: ${brokerPort} }`,
      `swap: { port: ${swapPort} }`,
      'nfs: { server: none }',
    ].join('\n'),
  )
  for (const image of ['debian12', 'debian13']) await makeImage(state, image)
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const api = (method: string, path: string, body?: unknown) =>
    request({ socketPath, method, path: `/api/v1/${path}`, agent }, body)
  const profiling = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]
  const program = [process.execPath, '--no-warnings', ...profiling, serverMain, 'run', '--config', config]
  const server = measured(program, join(state, 'server.log'), async () => {
    await eventually(
      'walt-server answers',
      startMs,
      async () => (await api('GET', 'status')).status === 200,
      50,
    )
  })
  return {
    ...server,
    ports: { http: httpPort, broker: brokerPort },
    api,
    operatorPassword: async () => (await readFile(join(state, 'run/operator.password'), 'utf8')).trim(),
    async end() {
      await server.kill()
      agent.destroy()
      await rm(state, { recursive: true })
    },
  }
}

export async function prepareMosquitto(): Promise<MeasuredServer> {
  const state = await mkdtemp('/var/tmp/walt-bench-mosquitto-')
  const broker = await freePort()
  const config = join(state, 'mosquitto.conf')
  await writeFile(
    config,
    `listener ${broker} 127.0.0.1\nallow_anonymous true\nuser root\npersistence false\nset_tcp_nodelay true\n`,
  )
  const server = measured([mosquittoProgram, '-c', config], join(state, 'log'), () =>
    eventually('mosquitto listens', startMs, () => canConnect(broker), 50).then(() => undefined),
  )
  return {
    ...server,
    ports: { http: 0, broker },
    async end() {
      await server.kill()
      await rm(state, { recursive: true })
    },
  }
}

function measured(program: readonly string[], logFile: string, isUp: () => Promise<void>) {
  let child: ChildProcess | undefined
  let gone: Promise<unknown> = Promise.resolve()
  process.once('exit', () => child?.kill('SIGKILL'))
  return {
    async start() {
      const log = openSync(logFile, 'a')
      const started = spawn('/bin/sh', [...withAllDescriptors, ...program], { stdio: ['ignore', log, log] })
      closeSync(log)
      gone = new Promise((resolve) => started.once('exit', resolve))
      child = started
      await isUp()
    },
    async kill() {
      child?.kill(endSignal)
      await gone
      child = undefined
    },
    cpuSeconds: () => familyOf(child?.pid).reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
    residentBytes() {
      const [own = 0, ...children] = familyOf(child?.pid).map(residentBytesOf)
      return { own, children: children.reduce((sum, bytes) => sum + bytes, 0) }
    },
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

function familyOf(pid: number | undefined): number[] {
  if (pid === undefined) return []
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return [pid, ...(children === '' ? [] : children.split(' ').flatMap((child) => familyOf(Number(child))))]
}

/** proc(5): the 14th and 15th field of stat, in hundredths of a second. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function residentBytesOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes ?? 0) * 1024
}
