import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { limits } from '@walt/shared/limits'
import { asOrdinary } from './stay-awake.ts'

export type ProgramEnd =
  | { kind: 'exited'; status: number }
  | { kind: 'timeout' }
  /** It could not be started, or a signal ended it. */
  | { kind: 'failed'; reason: string; signal?: NodeJS.Signals }

export type ProgramOptions = {
  timeoutMs: number
  environment?: Record<string, string>
  /** A line of what it prints. Without this, what it prints goes to the journal, as what the agent prints. */
  onLine?: (line: string) => void
}

/** Runs a program in a process group of its own, which is killed as a whole when the time is up. */
export function runProgram(
  path: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    const output = options.onLine ? 'pipe' : 'inherit'
    const child = asOrdinary(() =>
      spawn(path, args, {
        stdio: ['ignore', output, output],
        detached: true,
        cwd: '/',
        env: { ...process.env, ...options.environment },
      }),
    )
    for (const stream of [child.stdout, child.stderr]) {
      if (stream && options.onLine) readLines(stream, options.onLine)
    }
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
      const end: ProgramEnd =
        status === null
          ? { kind: 'failed', reason: `ended by ${signal}`, ...(signal && { signal }) }
          : { kind: 'exited', status }
      // Its last words come behind; something that it left running may keep the pipes open for ever.
      const lastWords = setTimeout(() => resolve(end), options.onLine ? limits.hookLastWordsMs : 0)
      child.once('close', () => {
        clearTimeout(lastWords)
        resolve(end)
      })
    })
  })
}

/** Bounded: a line without end is cut, and what comes after many lines is dropped. */
function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = ''
  let lines = 0
  function tell(line: string): void {
    if (line === '' || ++lines > limits.hookLinesMax) return
    onLine(line.slice(0, limits.hookLineMaxChars))
  }
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = (parts.pop() ?? '').slice(0, limits.hookLineMaxChars)
    for (const line of parts) tell(line)
  })
  stream.on('end', () => tell(rest))
}
