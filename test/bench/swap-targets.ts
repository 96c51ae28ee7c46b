/** The swap server and what it is compared with, each a process that serves 1 GiB of a file in `folder`. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { createSwapProcess } from '../../server/src/swap/swap-process.ts'
import { prepareSwapProgram } from '../../server/src/swap/swap-program.ts'
import { eventually } from '../support/eventually.ts'

export const exportName = 'swap-1G'
export const exportBytes = 1024 ** 3
export const clientsMax = 8

export type SwapTarget = { name: string; pid: number; port: number; stop: () => Promise<void> }

const log = { info: () => undefined, warn: console.error, error: console.error }

/** As walt-server runs it; each address of loopback is a node. */
export async function startOurs(folder: string): Promise<SwapTarget> {
  const swap = createSwapProcess({
    program: await prepareSwapProgram(folder, log),
    settings: {
      hosts: ['127.0.0.1'],
      port: 0,
      folder: join(folder, 'swap'),
      quotaBytes: 64 * exportBytes,
      nodeQuotaBytes: null,
      reserveBytes: 0,
    },
    othersMayLive: () => false,
    onEvent: ({ level, message }) => level === 'warning' && console.error(message),
    random: Math.random,
    log,
  })
  for (let number = 1; number <= clientsMax; number += 1) {
    swap.allow({ node: `n${number}`, bootId: '0'.repeat(16), address: `127.0.0.${number}` })
  }
  await swap.start()
  const { pid = 0 } = swap.status()
  return { name: 'walt', pid, port: swap.port(), stop: swap.stop }
}

export function startNbdkit(folder: string): Promise<SwapTarget> {
  return startProgram(folder, 'nbdkit', (file, port) => [
    'nbdkit',
    ...['-f', '-i', '127.0.0.1', '-p', String(port), '-e', exportName, 'file', file],
  ])
}

export function startQemuNbd(folder: string): Promise<SwapTarget> {
  return startProgram(folder, 'qemu-nbd', (file, port) => [
    'qemu-nbd',
    ...['-f', 'raw', '-b', '127.0.0.1', '-p', String(port), '-x', exportName],
    ...['--cache=writeback', '--persistent', '--shared=0', file],
  ])
}

export function startNbdServer(folder: string): Promise<SwapTarget> {
  return startProgram(folder, 'nbd-server', (file, port) => {
    const configuration = join(folder, 'nbd-server.conf')
    const lines = [
      '[generic]',
      'user = root',
      'group = root',
      'listenaddr = 127.0.0.1',
      `port = ${port}`,
      `[${exportName}]`,
      `exportname = ${file}`,
    ]
    writeFileSync(configuration, `${lines.join('\n')}\n`)
    return ['nbd-server', '-d', '-C', configuration]
  })
}

async function startProgram(
  folder: string,
  name: string,
  commandOf: (file: string, port: number) => string[],
): Promise<SwapTarget> {
  const port = await freePort()
  const file = join(folder, `${name}.raw`)
  writeFileSync(file, '')
  truncateSync(file, exportBytes)
  const [command = '', ...words] = commandOf(file, port)
  const child = spawn(command, words, { stdio: 'ignore', detached: true })
  await eventually(`${name} listens`, 10_000, () => answers(port), 50)
  return { name, pid: child.pid ?? 0, port, stop: () => end(child) }
}

/** With the processes that it has forked: nbd-server has one a client. */
async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  await exited
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
  } finally {
    socket.destroy()
  }
}

/** User and system time of a process and of those that it has waited for: proc(5), stat, in hundredths of a second. */
export function cpuSeconds({ pid }: SwapTarget): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0) / 100
}

/** The most memory that a process has had, shared pages of its program among it. */
export function peakBytes({ pid }: SwapTarget): number {
  const match = /^VmHWM:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1]) * 1024
}
