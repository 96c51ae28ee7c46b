import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'

export type CommandOptions = {
  /** Called for each line of standard output and standard error. */
  onLine?: (line: string) => void
  input?: string
  /** Added to this process's own. */
  environment?: Record<string, string>
  timeoutMs?: number
  signal?: AbortSignal
}

/**
 * Runs a program of this machine to its end, and returns what it wrote.
 * @throws WaltError `command-failed` with the last of what it wrote; `command-missing` where the program is missing
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { onLine, input, environment, timeoutMs = limits.commandMs, signal } = options
  const shown = [command, ...args].join(' ').slice(0, 300)
  // A group of its own: what it has started ends with it.
  const env = { ...process.env, ...environment }
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env })
  let output = ''
  let cause: string | undefined
  let lastWords: NodeJS.Timeout | undefined
  const end = (why: string) => {
    cause ??= why
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    // What has left the group may live on and hold the output open: nobody waits for that.
    lastWords ??= setTimeout(() => {
      child.stdout.destroy()
      child.stderr.destroy()
    }, limits.commandLastWordsMs)
  }
  const timer = setTimeout(() => end(`it took more than ${timeoutMs / 1000} s`), timeoutMs)
  const aborted = () => end('it was cancelled')
  signal?.addEventListener('abort', aborted)
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      output = `${output}${line}\n`.slice(-limits.commandOutputMaxBytes)
      onLine?.(line)
    })
  }
  // A program may end without having read all.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  try {
    if (signal?.aborted) aborted()
    const status = await new Promise<number | string>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, ended) => resolve(code ?? ended ?? 'unknown'))
    })
    if (status === 0 && cause === undefined) return output
    const said = output.trim().split('\n').slice(-5).join(' | ')
    throw new WaltError('command-failed', `"${shown}" failed (${cause ?? `status ${status}`}): ${said}`)
  } catch (thrown) {
    if (thrown instanceof WaltError) throw thrown
    throw new WaltError('command-missing', `"${command}" cannot be run: ${reasonOf(thrown)}`, {
      cause: thrown,
    })
  } finally {
    clearTimeout(timer)
    clearTimeout(lastWords)
    signal?.removeEventListener('abort', aborted)
  }
}
