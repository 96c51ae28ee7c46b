/** What the demo shows: parts with their times, commands with their output, and what must be cleaned up at the end. */

import type { Platform } from './platform.ts'
import type { ProgramResult } from './run-program.ts'

export type Stage = ReturnType<typeof createStage>

const colour = process.stdout.isTTY && !process.env.NO_COLOR
const bold = (text: string) => (colour ? `\x1b[1m${text}\x1b[0m` : text)
const dim = (text: string) => (colour ? `\x1b[2m${text}\x1b[0m` : text)

export function createStage() {
  const times: { title: string; tookMs: number }[] = []
  const endings: (() => Promise<void>)[] = []
  let ending: Promise<void> | undefined

  const say = (line: string) => process.stdout.write(`${line}\n`)

  async function part<T>(title: string, act: () => Promise<T>): Promise<T> {
    say(`\n${bold(`== ${title}`)}`)
    const started = performance.now()
    const result = await act()
    const tookMs = performance.now() - started
    times.push({ title, tookMs })
    say(dim(`   (${(tookMs / 1000).toFixed(1)} s)`))
    return result
  }

  function show(prompt: string, result: ProgramResult): ProgramResult {
    say(bold(prompt))
    const output = `${result.stdout}${result.stderr}`.trimEnd()
    if (output !== '') say(output)
    return result
  }

  return {
    say,
    detail: (text: string) => process.stdout.write(dim(text)),
    part,
    onEnd: (act: () => Promise<void>) => void endings.push(act),
    /** Runs a `walt` command that must succeed, and shows it. */
    async walt(platform: Platform, ...args: string[]): Promise<string> {
      const result = show(`$ walt ${args.join(' ')}`, await platform.walt(...args))
      if (result.status !== 0) throw new Error(`"walt ${args.join(' ')}" ended with status ${result.status}.`)
      return result.stdout
    },
    /** Runs a command on the node, and shows it, whatever its status. */
    async onNode(platform: Platform, node: string, command: string): Promise<ProgramResult> {
      const result = await platform.onNode(node, command, 300_000)
      const withoutCaution = result.stderr.replace(/^Caution:.*\n/m, '')
      return show(`root@${node}:~# ${command}`, { ...result, stderr: withoutCaution })
    },
    /** Shows a command that was run by other means. */
    show,
    expect(holds: boolean, what: string): void {
      if (!holds) throw new Error(`Not as it should be: ${what}.`)
      say(dim(`   as it should be: ${what}`))
    },
    summary(): void {
      say(`\n${bold('How long each part took')}`)
      for (const { title, tookMs } of times) say(`  ${(tookMs / 1000).toFixed(1).padStart(7)} s  ${title}`)
    },
    fail(thrown: unknown): void {
      process.stderr.write(`\n${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
    },
    ending: () => ending !== undefined,
    /** Ends what is there, once. */
    end(): Promise<void> {
      ending ??= (async () => {
        for (const act of endings.reverse()) await act()
      })()
      return ending
    },
  }
}
