import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Presence } from './image-probe.ts'
import type { ProgramEnd } from './run-program.ts'

const sshServers = ['/usr/sbin/sshd', '/usr/sbin/dropbear']

export type BootedOptions = {
  sshPort: number
  sshAbsentMs: number
  runFolder: string
  uptimePath: string
  onBootupPath: string
  probeProgram: (path: string) => Promise<Presence>
  runProgram: (path: string, args: readonly string[], options: { timeoutMs: number }) => Promise<ProgramEnd>
  /** `cause` says what is unusual about it. */
  report: (cause: string | undefined) => void
  warn: (message: string) => void
  signal: AbortSignal
}

/** Booted = the image's ssh server answers; then the image's own /bin/on-bootup, and the server is told. */
export async function awaitBooted(options: BootedOptions): Promise<void> {
  const began = performance.now()
  let cause: string | undefined
  while (!(await sshAnswers(options.sshPort, limits.sshProbeMs))) {
    if (options.signal.aborted) return
    if (performance.now() - began > options.sshAbsentMs && !(await hasSshServer(options.probeProgram))) {
      cause = `the image has no ssh server: taken as booted after ${options.sshAbsentMs / 1000} s`
      options.warn(cause)
      break
    }
    await sleep(limits.sshProbeIntervalMs)
  }
  if (options.signal.aborted) return
  markReady(options)
  options.report(cause)
  await runOnBootup(options)
}

/** An ssh server speaks first: "SSH-2.0-..." (RFC 4253, 4.2). */
export function sshAnswers(port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    let heard = ''
    const socket = connect({ host: '127.0.0.1', port })
    function settle(answers: boolean): void {
      clearTimeout(timer)
      socket.destroy()
      resolve(answers)
    }
    const timer = setTimeout(() => settle(false), timeoutMs)
    socket.on('error', () => settle(false))
    socket.on('end', () => settle(false))
    socket.on('data', (bytes: Buffer) => {
      heard += bytes.toString('latin1', 0, 255)
      if (heard.startsWith('SSH-')) settle(true)
      else if (heard.length >= 4) settle(false)
    })
  })
}

async function hasSshServer(probe: BootedOptions['probeProgram']): Promise<boolean> {
  for (const path of sshServers) {
    if ((await probe(path)) !== 'absent') return true
  }
  return false
}

function markReady({ runFolder, uptimePath, warn }: BootedOptions): void {
  try {
    rmSync(`${runFolder}/nologin`, { force: true })
    writeFileSync(`${runFolder}/uptime-ready`, readFileSync(uptimePath))
  } catch (thrown) {
    warn(`${runFolder} could not be marked ready: ${reasonOf(thrown)}`)
  }
}

async function runOnBootup({ onBootupPath, probeProgram, runProgram, warn }: BootedOptions): Promise<void> {
  const presence = await probeProgram(onBootupPath)
  if (presence === 'not-executable') warn(`${onBootupPath} is there but not executable: it was not run`)
  if (presence !== 'executable') return
  const end = await runProgram(onBootupPath, [], { timeoutMs: limits.onBootupMs })
  if (end.kind === 'exited' && end.status === 0) return
  const how = end.kind === 'exited' ? `status ${end.status}` : end.kind === 'failed' ? end.reason : 'timeout'
  warn(`${onBootupPath} failed: ${how}`)
}
