import { useEffect, useState } from 'preact/hooks'

/** A value that is replaced, never changed, and whoever wants to know of it. */
export type Store<T> = {
  get(): T
  set(next: T): void
  update(change: (value: T) => T): void
  /** Returns how to stop listening. */
  subscribe(listener: () => void): () => void
}

export function createStore<T>(initial: T): Store<T> {
  let value = initial
  const listeners = new Set<() => void>()
  const set = (next: T) => {
    if (Object.is(next, value)) return
    value = next
    for (const listener of [...listeners]) listener()
  }
  return {
    get: () => value,
    set,
    update: (change) => set(change(value)),
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

/** The value, or what `select` makes of it; the component is rendered again when that changes. */
export function useStore<T>(store: Store<T>): T
export function useStore<T, R>(store: Store<T>, select: (value: T) => R): R
export function useStore<T, R>(store: Store<T>, select?: (value: T) => R): T | R {
  const read = (): T | R => (select ? select(store.get()) : store.get())
  const [, setShown] = useState<{ shown: T | R }>(() => ({ shown: read() }))
  const current = read()
  useEffect(() => {
    let shown: T | R = current
    const check = () => {
      const next = read()
      if (Object.is(next, shown)) return
      shown = next
      setShown({ shown: next })
    }
    // It may have changed between this render and now.
    check()
    return store.subscribe(check)
  })
  return current
}
