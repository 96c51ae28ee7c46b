/**
 * What happens, numbered, and the newest of it kept by kind, so that one who was away gets what it missed. A text is
 * made when the first follower needs it.
 */
import { limits } from '@walt/shared/limits'
import { type EventKind, eventKindNames } from './api-schema.ts'

export type FeedEvent = { id: string; kind: EventKind; text: () => string }

export type EventFeed = {
  publish(kind: EventKind, value: () => unknown): void
  /** What came after an event, oldest first; undefined if it is not known any more, or never was. */
  since(id: string, kinds: readonly EventKind[]): FeedEvent[] | undefined
  /** The newest event's: where one who begins now begins. */
  lastId(): string
  /** Returns how to stop. */
  subscribe(kinds: readonly EventKind[], listener: (event: FeedEvent) => void): () => void
}

type Kept = FeedEvent & { number: number }

/** `run` tells this server's numbers from those of another run. */
export function createEventFeed(run: string): EventFeed {
  let last = 0
  const kept = new Map<EventKind, Kept[]>(eventKindNames.map((kind) => [kind, []]))
  /** Of each kind, the number of the newest event that is forgotten. */
  const forgotten = new Map<EventKind, number>()
  const listeners = new Set<{ kinds: readonly EventKind[]; listener: (event: FeedEvent) => void }>()
  const idOf = (number: number) => `${run}-${number}`

  return {
    publish(kind, value) {
      last += 1
      let text: string | undefined
      const made = () => {
        text ??= JSON.stringify(value())
        return text
      }
      const event: Kept = { id: idOf(last), number: last, kind, text: made }
      const events = kept.get(kind) ?? []
      events.push(event)
      // In large pieces: taking the first one off a long list moves all of it.
      if (events.length >= 2 * limits.apiEventsKeptMax) {
        const gone = events.splice(0, limits.apiEventsKeptMax).at(-1)
        if (gone) forgotten.set(kind, gone.number)
      }
      for (const one of listeners) if (one.kinds.includes(kind)) one.listener(event)
    },
    since(id, kinds) {
      const number = Number(id.startsWith(`${run}-`) ? id.slice(run.length + 1) : Number.NaN)
      if (!Number.isInteger(number) || number < 0 || number > last) return undefined
      if (kinds.some((kind) => (forgotten.get(kind) ?? 0) > number)) return undefined
      return kinds
        .flatMap((kind) => kept.get(kind)?.filter((event) => event.number > number) ?? [])
        .toSorted((one, other) => one.number - other.number)
    },
    lastId: () => idOf(last),
    subscribe(kinds, listener) {
      const one = { kinds, listener }
      listeners.add(one)
      return () => listeners.delete(one)
    },
  }
}
