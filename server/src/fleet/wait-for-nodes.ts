import type { WaitResult } from '../http/api-schema.ts'
import type { Fleet } from './fleet.ts'

/** Resolves once each node is booted, lost or removed, or the time is over, or the asker is gone. */
export function waitForNodes(
  fleet: Fleet,
  names: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<WaitResult[]> {
  const results = (): WaitResult[] =>
    names.map((node) => {
      const status = fleet.find(node)?.status
      if (!status) return { node, state: 'off', ok: false, cause: 'it was removed' }
      const { state, cause } = status
      return { node, state, ok: state === 'booted', ...(cause === undefined ? {} : { cause }) }
    })
  const pending = () =>
    names.some((name) => {
      const state = fleet.find(name)?.status.state
      return state !== undefined && state !== 'booted' && state !== 'lost'
    })
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined
    const end = () => {
      clearTimeout(timer)
      unsubscribe()
      signal.removeEventListener('abort', end)
      resolve(results())
    }
    const unsubscribe = fleet.subscribe(() => {
      if (!pending()) end()
    })
    timer = setTimeout(end, timeoutMs)
    signal.addEventListener('abort', end)
    if (!pending() || signal.aborted) end()
  })
}
