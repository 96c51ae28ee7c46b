/** The swap server as walt-server runs it, on loopback and a folder of its own; each address of loopback is a node. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { SwapSettings } from '../../server/src/swap/messages.ts'
import type { SwapEvent } from '../../server/src/swap/swap-event.ts'
import { createSwapProcess, type SwapProcess } from '../../server/src/swap/swap-process.ts'
import { prepareSwapProgram } from '../../server/src/swap/swap-program.ts'
import { eventually } from './eventually.ts'

export type SwapRig = {
  swap: SwapProcess
  folder: string
  events: SwapEvent[]
  /** What the server's log says. */
  lines: string[]
  pid: () => number
  uri: (exportName: string) => string
  /** Lets the node `n<number>` have swap, at 127.0.0.<number>. */
  allow: (number: number, bootId?: string) => void
  swapFile: (number: number) => string
  /** Kills the process; resolves when it is up again. */
  kill: () => Promise<void>
  memoryBytes: () => number
  end: () => Promise<void>
}

export const firstBoot = '0123456789abcdef'

export async function startSwapRig(settings: Partial<SwapSettings> = {}): Promise<SwapRig> {
  // On a disk: /tmp may be in memory.
  const folder = mkdtempSync('/var/tmp/walt-swap-')
  const events: SwapEvent[] = []
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  const log = { info: say, warn: say, error: say }
  const swap = createSwapProcess({
    program: await prepareSwapProgram(folder, log),
    settings: {
      hosts: ['127.0.0.1'],
      port: 0,
      folder: join(folder, 'swap'),
      quotaBytes: 8 * 1024 ** 3,
      nodeQuotaBytes: null,
      reserveBytes: 0,
      ...settings,
    },
    othersMayLive: () => false,
    onEvent: (event) => void events.push(event),
    random: Math.random,
    log,
  })
  const allow = (number: number, bootId = firstBoot) =>
    swap.allow({ node: `n${number}`, bootId, address: `127.0.0.${number}` })
  allow(1)
  await swap.start()
  const pid = () => swap.status().pid ?? 0
  return {
    swap,
    folder,
    events,
    lines,
    pid,
    uri: (exportName) => `nbd://127.0.0.1:${swap.port()}/${exportName}`,
    allow,
    swapFile: (number) => join(folder, 'swap', `n${number}-${firstBoot}.swap`),
    async kill() {
      const before = pid()
      process.kill(before, 'SIGKILL')
      await eventually('the swap server is up again', 10_000, () => pid() !== 0 && pid() !== before, 5)
    },
    memoryBytes: () =>
      Number(/^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid()}/status`, 'utf8'))?.[1]) * 1024,
    async end() {
      await swap.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
