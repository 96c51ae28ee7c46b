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
  const isAwaited = (name: string) => {
    const state = fleet.find(name)?.status.state
    return state !== undefined && state !== 'booted' && state !== 'lost'
  }
  const awaited = new Set(names.filter(isAwaited))
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined
    const end = () => {
      clearTimeout(timer)
      unsubscribe()
      signal.removeEventListener('abort', end)
      resolve(results())
    }
    const wanted = new Set(names)
    const unsubscribe = fleet.subscribe(({ name }) => {
      if (!wanted.has(name)) return
      if (isAwaited(name)) awaited.add(name)
      else awaited.delete(name)
      if (awaited.size === 0) end()
    })
    timer = setTimeout(end, timeoutMs)
    signal.addEventListener('abort', end)
    if (awaited.size === 0 || signal.aborted) end()
  })
}
