/**
 * Which part of the log is meant: `full`, `none`, or `START:END`, each a checkpoint's name, or a time ago such as `-5m`
 * (s, m, h, d), or left out. Pure.
 */
import type { LogCheckpoint } from '../http/api-schema.ts'
import { usageError } from './exit-status.ts'

export type LogRange = { from?: number; to?: number }

const unitMs: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Undefined for `none`. */
export function logRange(
  text: string,
  checkpoints: readonly LogCheckpoint[],
  now: number,
): LogRange | undefined {
  if (text === 'none') return undefined
  if (text === 'full') return {}
  const parts = text.split(':')
  if (parts.length !== 2) {
    throw usageError(
      `--history ${text}: it is "full", "none", or START:END, such as -1h: or -2d:-1d or CHECKPOINT:.`,
    )
  }
  const [from, to] = parts.map((word) => moment(word, checkpoints, now))
  if (from !== undefined && to !== undefined && from > to)
    throw usageError(`--history ${text}: it ends before it begins.`)
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
}

function moment(word: string, checkpoints: readonly LogCheckpoint[], now: number): number | undefined {
  if (word === '') return undefined
  const [, count, unit] = /^-([0-9]{1,6})([smhd])$/.exec(word) ?? []
  if (count !== undefined) return now - Number(count) * (unitMs[unit ?? ''] ?? 0)
  const checkpoint = checkpoints.find(({ name }) => name === word)
  if (checkpoint) return checkpoint.at
  throw usageError(
    `--history: "${word}" is no checkpoint ("walt log list-checkpoints"), and no time ago such as -10m or -2d.`,
  )
}
