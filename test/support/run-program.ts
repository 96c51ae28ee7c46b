import { type SpawnOptions, spawn } from 'node:child_process'

export type ProgramResult = { status: number; stdout: string; stderr: string }

export type RunOptions = {
  env?: Record<string, string>
  input?: string
  timeoutMs?: number
  /** Called with what the program prints, as it comes. */
  onOutput?: (text: string) => void
}

/** Runs a program to its end. A program that was killed, or is missing, has status 128 or 127, as in a shell. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ProgramResult> {
  const spawnOptions: SpawnOptions = {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    timeout: options.timeoutMs ?? 0,
    killSignal: 'SIGKILL',
  }
  return new Promise((resolve) => {
    const child = spawn(command, args, spawnOptions)
    const parts = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        parts[name] += text
        options.onOutput?.(text)
      })
    }
    // A program may end before it has read its input.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(options.input)
    child.on('error', (error) => resolve({ status: 127, stdout: '', stderr: error.message }))
    child.on('close', (code) => resolve({ status: code ?? 128, ...parts }))
  })
}

/** The same for what must succeed. */
export async function mustRun(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await runProgram(command, args, options)
  if (result.status !== 0) {
    const said = `${result.stdout}${result.stderr}`.trim().slice(-2_000)
    throw new Error(`"${command} ${args.join(' ')}" ended with status ${result.status}: ${said}`)
  }
  return result.stdout
}
