import { reasonOf, WaltError } from '@walt/shared/errors'
import { useCallback, useEffect, useState } from 'preact/hooks'

export type Loaded<T> = {
  /** What was loaded last; it stays while it is loaded again, or cannot be. */
  value: T | undefined
  problem: string | undefined
  code: string | undefined
  loading: boolean
  reload: () => void
}

type Outcome<T> = Omit<Loaded<T>, 'reload'> & { of: string }

/** Loads when it is first shown, when `key` changes, every so often, and when asked to. */
export function useLoaded<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  everyMs?: number,
): Loaded<T> {
  const [turn, setTurn] = useState(0)
  const nothing = { value: undefined, problem: undefined, code: undefined, loading: true, of: key }
  const [outcome, setOutcome] = useState<Outcome<T>>(nothing)
  const reload = useCallback(() => setTurn((one) => one + 1), [])

  // Its dependencies: `key` says what is loaded, `turn` that it is asked for again
  useEffect(() => {
    const controller = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const run = async () => {
      setOutcome((one) => (one.of === key ? { ...one, loading: true } : nothing))
      const next = await load(controller.signal).then(
        (value) => ({ value, problem: undefined, code: undefined }),
        (thrown: unknown) => ({
          problem: reasonOf(thrown),
          code: thrown instanceof WaltError ? thrown.code : undefined,
        }),
      )
      if (controller.signal.aborted) return
      setOutcome((one) => ({ ...(one.of === key ? one : nothing), ...next, loading: false, of: key }))
      if (everyMs !== undefined) timer = setTimeout(run, everyMs)
    }
    run()
    return () => {
      controller.abort()
      clearTimeout(timer)
    }
  }, [key, turn, everyMs])

  return { ...(outcome.of === key ? outcome : nothing), reload }
}
