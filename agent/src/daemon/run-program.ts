import { spawn } from 'node:child_process'

export type ProgramEnd =
  | { kind: 'exited'; status: number }
  | { kind: 'timeout' }
  /** It could not be started, or a signal ended it. */
  | { kind: 'failed'; reason: string }

/** Runs a program in a process group of its own, which is killed as a whole when the time is up. */
export function runProgram(
  path: string,
  args: readonly string[],
  options: { timeoutMs: number; environment?: Record<string, string> },
): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    const child = spawn(path, args, {
      // What it prints goes to the journal, as what the agent prints.
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
      cwd: '/',
      env: { ...process.env, ...options.environment },
    })
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      resolve({ kind: 'timeout' })
    }, options.timeoutMs)
    child.once('error', (error) => {
      clearTimeout(timer)
      resolve({ kind: 'failed', reason: error.message })
    })
    child.once('exit', (status, signal) => {
      clearTimeout(timer)
      resolve(status === null ? { kind: 'failed', reason: `ended by ${signal}` } : { kind: 'exited', status })
    })
  })
}
