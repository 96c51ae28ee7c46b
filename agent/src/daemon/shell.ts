import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { ReadStream } from 'node:tty'
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Kernel } from '../linux/kernel.ts'
import { probeProgram } from './image-probe.ts'
import { asOrdinary } from './stay-awake.ts'
import { createTerminalInput } from './terminal-input.ts'

export type Shell = {
  input: Writable
  /** No input will follow. */
  endInput: () => void
  output: Readable
  exited: Promise<void>
  /** Ends the shell and all that was started in it; harmless when it is over. */
  kill: () => void
}

export type OpenShell = () => Promise<Shell | { refused: string }>

export type ShellKernel = Pick<Kernel, 'openPseudoTerminal' | 'closeDescriptor'>

/** Opens root shells: in a pseudo-terminal, or reading lines from a pipe where the machine has none. */
export function createShells(options: {
  kernel: ShellKernel
  /** /proc, by a path that does not lead over NFS. */
  procFolder: string
  warn: (message: string) => void
}): OpenShell {
  let open = 0
  return async () => {
    if (open >= limits.controlShellsMax) return { refused: `${open} shells are open already.` }
    // Starting a program holds this whole process up while the NFS server is dead.
    if ((await probeProgram('/bin/sh')) === 'unanswered') return { refused: 'the NFS server does not answer' }
    const shell = openInTerminal(options) ?? openOnPipes(options.procFolder)
    open += 1
    shell.exited.finally(() => {
      open -= 1
    })
    return shell
  }
}

const shellProgram = () => (existsSync('/bin/bash') ? '/bin/bash' : '/bin/sh')

const environment = () => ({
  PATH: process.env.PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  USER: 'root',
  SHELL: shellProgram(),
  // What is at the other end is unknown (netcat, a script): no escape sequences unless asked for.
  TERM: 'dumb',
})

/** The dot: it must be possible to go there, not only to see it. */
const shellFolder = () => (existsSync('/root/.') ? '/root' : '/')

function openInTerminal({ kernel, procFolder, warn }: Parameters<typeof createShells>[0]): Shell | undefined {
  let pair: ReturnType<ShellKernel['openPseudoTerminal']>
  try {
    if (!existsSync('/usr/bin/setsid')) throw new Error('setsid is missing')
    pair = kernel.openPseudoTerminal({ rows: 24, columns: 80 })
  } catch (thrown) {
    warn(`SHELL goes without a terminal: ${reasonOf(thrown)}`)
    return undefined
  }
  const { controller, terminal } = pair
  // Not `detached`: setsid(1) would have to fork, and the child's id would not be the session's.
  const child = asOrdinary(() =>
    spawn('/usr/bin/setsid', ['-c', '-w', shellProgram(), '-i'], {
      stdio: [terminal, terminal, terminal],
      cwd: shellFolder(),
      env: environment(),
    }),
  )
  kernel.closeDescriptor(terminal)
  const output = new ReadStream(controller)
  // A terminal that its last user closed reads as an error (EIO): that is its end.
  output.on('error', () => output.destroy())
  const input = createTerminalInput(controller, () => !output.destroyed)
  input.on('error', () => input.destroy())
  output.once('close', () => input.destroy())
  return {
    input,
    endInput: () => input.write('\x04'),
    output,
    exited: exitOf(child),
    kill() {
      killSession(procFolder, child.pid)
      output.destroy()
    },
  }
}

function openOnPipes(procFolder: string): Shell {
  const child = asOrdinary(() =>
    spawn('/bin/sh', ['-c', 'exec 2>&1; exec /bin/sh'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      cwd: shellFolder(),
      env: environment(),
      detached: true,
    }),
  )
  child.stdin.on('error', () => child.stdin.destroy())
  return {
    input: child.stdin,
    endInput: () => child.stdin.end(),
    output: child.stdout,
    exited: exitOf(child),
    kill() {
      killSession(procFolder, child.pid)
      child.stdout.destroy()
      child.stdin.destroy()
    },
  }
}

function exitOf(child: ReturnType<typeof spawn>): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
}

/** An interactive shell gives every job a process group of its own, so that only the session finds them all. */
function killSession(procFolder: string, session: number | undefined): void {
  if (session === undefined) return
  for (const name of readdirSync(procFolder)) {
    const pid = Number(name)
    if (Number.isInteger(pid) && sessionOf(procFolder, pid) === session) killIfThere(pid)
  }
}

function sessionOf(procFolder: string, pid: number): number | undefined {
  try {
    // proc(5): pid (comm) state ppid pgrp session; comm may have blanks and parentheses.
    const stat = readFileSync(`${procFolder}/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3])
  } catch (thrown) {
    if (isGone(thrown)) return undefined
    throw thrown
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (thrown) {
    if (!isGone(thrown)) throw thrown
  }
}

function isGone(thrown: unknown): boolean {
  const code = (thrown as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ESRCH'
}
