/** Numbers and moments for a person. Pure. */
import { humanSize } from '@walt/shared/sizes'

/** `850 ms`, `12.3 s`, `3 min 5 s`, `2 h 10 min`, `4 d`. */
export function shortDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60)
    return minutes < 10 && seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return hours < 10 && minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`
  return `${Math.floor(hours / 24)} d`
}

/** How long ago; a clock that is a little behind makes no future. */
export function ago(at: number, now: number): string {
  const ms = now - at
  return ms < 10_000 ? 'just now' : `${shortDuration(ms)} ago`
}

const moment = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium' })
const clock = new Intl.DateTimeFormat('sv-SE', { timeStyle: 'medium' })

/** `2026-06-18 13:23:05`, in the reader's own time zone. */
export const longMoment = (at: number) => moment.format(at)
export const clockTime = (at: number) => clock.format(at)

export type Unit = 'bytes' | 'bytes-per-second' | 'celsius' | 'number' | 'count'

export function formatValue(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  if (unit === 'bytes') return humanSize(Math.round(value))
  if (unit === 'bytes-per-second') return `${humanSize(Math.round(value))}/s`
  if (unit === 'celsius') return `${value.toFixed(1)} °C`
  return unit === 'count' ? value.toLocaleString('en') : value.toFixed(2)
}

export const percent = (part: number, whole: number) =>
  whole > 0 ? `${Math.round((part / whole) * 100)} %` : '–'

export const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`
