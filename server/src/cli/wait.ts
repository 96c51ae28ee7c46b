/** Waiting until nodes are booted, with one live line on a terminal. */
import { limits } from '@walt/shared/limits'
import { type WaitResult, waitAnswer } from '../http/api-schema.ts'
import type { CommandContext } from './command-context.ts'
import { brieflyNamed } from './outcomes.ts'
import { humanDuration } from './times.ts'

/**
 * How each node stands once all are booted or lost, or the time is over. Without a time it waits for ever.
 * The server is asked again and again, so that the line tells what goes on.
 */
export async function waitForNodes(
  context: CommandContext,
  nodes: string,
  timeoutSeconds?: number,
): Promise<WaitResult[]> {
  const startedAt = performance.now()
  const elapsedMs = () => performance.now() - startedAt
  let results: WaitResult[] = []
  const show = () => context.terminal.status(waitingLine(results, elapsedMs()))
  const timer = setInterval(show, limits.cliStatusLineMs)
  try {
    for (let poll = 0; ; ) {
      const leftSeconds = (timeoutSeconds ?? Number.POSITIVE_INFINITY) - elapsedMs() / 1000
      const body = { nodes, timeoutSeconds: Math.max(0, Math.min(poll, leftSeconds)) }
      const request = { method: 'POST', path: 'nodes/wait', body, patient: true } as const
      results = (await context.api.call(request, waitAnswer)).results
      if (results.every((result) => result.ok || result.state === 'lost')) return results
      if (leftSeconds <= 0) return results
      // The first look is to tell at once what is waited for.
      poll = limits.cliWaitPollSeconds
      show()
    }
  } finally {
    clearInterval(timer)
    context.terminal.status(undefined)
  }
}

/** Pure: `Waiting for vnode[1-3] (booting), vnode4 (rebooting): 12 s` */
export function waitingLine(results: readonly WaitResult[], elapsedMs: number): string | undefined {
  const byState = new Map<string, string[]>()
  for (const { node, state, ok } of results) {
    if (!ok) byState.set(state, [...(byState.get(state) ?? []), node])
  }
  if (byState.size === 0) return undefined
  const groups = [...byState].map(([state, names]) => `${brieflyNamed(names)} (${state})`)
  return `Waiting for ${groups.join(', ')}: ${humanDuration(elapsedMs)}`
}

/** Pure: what became of it, a sentence a node. */
export function waitOutcome(result: WaitResult): { node: string; message: string } {
  if (result.ok) return { node: result.node, message: 'booted.' }
  const cause = result.cause === undefined ? '' : ` (${result.cause})`
  if (result.state === 'lost') {
    const advice = `See "walt node console ${result.node}", then "walt node reboot ${result.node} --hard".`
    return { node: result.node, message: `lost: it did not come back${cause}. ${advice}` }
  }
  return { node: result.node, message: `not booted yet, its state is "${result.state}"${cause}.` }
}
