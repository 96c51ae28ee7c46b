/**
 * A whole platform for tests and demo: walt-server in a network namespace of its own, on a state folder of its own,
 * with images that are built once and then linked. Real parts throughout.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { eventually } from './eventually.ts'
import { createNamespace, type Namespace, removeLeftovers } from './namespace.ts'
import { cacheFolder, repositoryFolder } from './repository.ts'
import { mustRun, type ProgramResult, runProgram } from './run-program.ts'

export const serverAddress = '192.168.152.1'
export const baseImage = 'debian12'
/** Images that are built once, and shared by all tests. */
const suites = { [baseImage]: 'bookworm', debian13: 'trixie' }
export type StoredImage = keyof typeof suites

const node = process.execPath
const serverMain = path.join(repositoryFolder, 'server/src/main.ts')
const commandLineMain = path.join(repositoryFolder, 'server/src/cli/main.ts')
const imageStore = path.join(cacheFolder, 'store')
const runsFolder = path.join(cacheFolder, 'runs')
const agentBinary = path.join(repositoryFolder, 'dist/agent/walt-agent-x64')
const serverStartMs = 60_000
const serverStopMs = 20_000

export type Platform = {
  namespace: Namespace
  stateFolder: string
  socket: string
  /** Environment in which `walt` reaches this platform. */
  environment: Record<string, string>
  /** Runs `walt ARGS`. */
  walt(...args: string[]): Promise<ProgramResult>
  /** Runs `walt ARGS --json` and fails unless it ends with status 0. */
  waltJson<T>(...args: string[]): Promise<T>
  /** Runs a program inside the namespace. */
  inside(command: string, ...args: string[]): Promise<ProgramResult>
  /** A command on a node, by ssh. */
  onNode(name: string, command: string, timeoutMs?: number): Promise<ProgramResult>
  console(name: string): Promise<string>
  serverLog(): string
  /** As a crash does it: SIGKILL. Returns when its process is gone. */
  killServer(): Promise<void>
  /** Starts the server again on what the killed one left; returns when it answers. */
  startServer(): Promise<void>
  /** May be called more than once. */
  stop(): Promise<void>
}

/** Builds the agent and images (the base image, unless others are named) where they are missing or out of date. */
export async function prepareImages(options: {
  fresh: boolean
  images?: readonly StoredImage[]
  onOutput: (text: string) => void
}): Promise<void> {
  const { onOutput, images = [baseImage] } = options
  await mkdir(imageStore, { recursive: true })
  // Test files that run at the same time prepare the same.
  const alone = (args: readonly string[]) =>
    mustRun('flock', [path.join(imageStore, 'prepare.lock'), node, '--no-warnings', ...args], { onOutput })
  await alone([path.join(repositoryFolder, 'agent/build/main.ts')])
  for (const name of images) {
    const build = ['image', 'build', name, '--suite', suites[name]]
    const how = ['--state', imageStore, '--agent', agentBinary, '--if-outdated']
    if (options.fresh) await rm(path.join(imageStore, 'images', name), { recursive: true, force: true })
    await alone(['--experimental-ffi', serverMain, ...build, ...how])
  }
}

export type PlatformOptions = {
  purpose: 'test' | 'demo' | 'bench' | 'soak'
  engine?: 'auto' | 'qemu' | 'uml'
  /** Of those that were prepared; the base image unless others are named. */
  images?: readonly StoredImage[]
  onServerOutput?: (text: string) => void
  /** Seconds that machines and the NFS server outlive a killed server. */
  graceSeconds?: number
  /** Called as soon as there is something to take down, with what does that; a start may be broken off. */
  onStop?: (stop: () => Promise<void>) => void
}

export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  await removeLeftovers(runsFolder)
  const namespace = await createNamespace(options.purpose)
  const stateFolder = path.join(runsFolder, namespace.name)
  const socketFolder = await mkdtemp(path.join(tmpdir(), `${namespace.name}-`))
  const socket = path.join(socketFolder, 'api.sock')
  let log = ''
  let server: ChildProcess | undefined
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= takeDown()
    return stopped
  }
  async function takeDown(): Promise<void> {
    if (server) await endServer(server)
    await namespace.remove()
    // With WALT_KEEP=1 the state folder stays, to look at consoles after a failure.
    if (process.env.WALT_KEEP) await writeFile(path.join(stateFolder, 'server.log'), log)
    else await rm(stateFolder, { recursive: true, force: true, maxRetries: 3 })
    await rm(socketFolder, { recursive: true, force: true })
  }
  options.onStop?.(stop)
  await rm(stateFolder, { recursive: true, force: true })
  await mkdir(path.join(stateFolder, 'images'), { recursive: true })
  // Links, not copies: the images are exported read-only, and whoever changes one replaces files.
  for (const name of options.images ?? [baseImage]) {
    await mustRun('cp', ['-al', path.join(imageStore, 'images', name), path.join(stateFolder, 'images')])
  }
  await mustRun('cp', ['-a', path.join(imageStore, 'ssh'), stateFolder])
  const configFile = path.join(stateFolder, 'server.yaml')
  await writeFile(
    configFile,
    [
      `state: ${stateFolder}`,
      `network: { address: ${serverAddress}, prefix: 24, bridge: walt0 }`,
      `http: { socket: ${socket} }`,
      `vnodes: { engine: ${options.engine ?? 'auto'}, grace: ${options.graceSeconds ?? 60} }`,
      '',
    ].join('\n'),
  )
  const environment = { WALT_SOCKET: socket, WALT_NETNS: namespace.name }
  async function start(): Promise<void> {
    const started = spawnServer(namespace, configFile, (text) => {
      log += text
      options.onServerOutput?.(text)
    })
    server = started
    await eventually('walt-server answers', serverStartMs, async () => {
      if (started.exitCode !== null) throw new Error(`walt-server ended with status ${started.exitCode}`)
      return existsSync(socket) && (await platform.walt('server', 'status')).status === 0
    })
  }

  const platform: Platform = {
    namespace,
    stateFolder,
    socket,
    environment,
    walt: (...args) => runProgram(node, [commandLineMain, ...args], { env: environment }),
    async waltJson(...args) {
      return JSON.parse(await mustRun(node, [commandLineMain, ...args, '--json'], { env: environment }))
    },
    inside: (command, ...args) => runProgram('ip', ['netns', 'exec', namespace.name, command, ...args]),
    onNode: (name, command, timeoutMs = 120_000) =>
      runProgram(node, [commandLineMain, 'node', 'shell', name, '--', command], {
        env: environment,
        timeoutMs,
      }),
    console: (name) => readFile(path.join(stateFolder, 'nodes', name, 'console.log'), 'utf8'),
    serverLog: () => log,
    async killServer() {
      if (server) await endServer(server, 'SIGKILL')
    },
    startServer: start,
    stop,
  }
  try {
    await start()
  } catch (cause) {
    await stop()
    throw new Error(`walt-server did not start; it said: ${log.slice(-4_000)}`, { cause })
  }
  return platform
}

/** The server goes when this process goes, however that ends, and takes its machines along. */
function spawnServer(
  namespace: Namespace,
  configFile: string,
  onOutput: (text: string) => void,
): ChildProcess {
  const command = ['netns', 'exec', namespace.name, 'setpriv', '--pdeathsig', 'TERM', '--', node]
  const run = ['--experimental-ffi', '--no-warnings', serverMain, 'run', '--config', configFile]
  const server = spawn('ip', [...command, ...run], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: repositoryFolder,
    detached: true,
  })
  for (const stream of [server.stdout, server.stderr]) stream?.setEncoding('utf8').on('data', onOutput)
  return server
}

async function endServer(server: ChildProcess, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()))
  server.kill(signal)
  const timer = setTimeout(() => server.kill('SIGKILL'), serverStopMs)
  await ended
  clearTimeout(timer)
}
