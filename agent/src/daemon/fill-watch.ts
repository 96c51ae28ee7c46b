/**
 * How full a node's memory and overlay are, and when that is worth a word. Pure: state and figures in, state and crossings
 * out. A level is told once when it is crossed, and again only after the figure was clearly below it.
 */
import type { Telemetry } from '@walt/shared/payloads'
import { humanSize } from '@walt/shared/sizes'

export const fillKinds = ['overlay', 'inodes', 'swap', 'memory', 'pressure'] as const
export type FillKind = (typeof fillKinds)[number]

/** Percent, rising. */
export const fillLevels = [80, 95] as const
type FillLevel = (typeof fillLevels)[number]
const clearlyBelow = 5

export type Fill = { percent: number; text: string }
export type Fills = Partial<Record<FillKind, Fill>>
/** The level that each is above; absent: none. */
export type FillState = Partial<Record<FillKind, FillLevel>>
export type FillCrossing = { kind: FillKind; level: FillLevel; text: string }

type Figures = Pick<Telemetry, 'memory' | 'swap' | 'overlay' | 'pressure'>

export function watchFill(before: FillState, fills: Fills): { state: FillState; crossings: FillCrossing[] } {
  const state: FillState = {}
  const crossings: FillCrossing[] = []
  for (const kind of fillKinds) {
    const fill = fills[kind]
    if (!fill) continue
    const kept = fillLevels.findLast(
      (level) => level <= (before[kind] ?? 0) && fill.percent >= level - clearlyBelow,
    )
    const reached = fillLevels.findLast((level) => fill.percent >= level)
    if (reached !== undefined && reached > (kept ?? 0)) {
      crossings.push({ kind, level: reached, text: fill.text })
    }
    const level = Math.max(kept ?? 0, reached ?? 0)
    if (level > 0) state[kind] = level as FillLevel
  }
  return { state, crossings }
}

/** What of it this node has: no swap, no figure of swap; a kernel without PSI, none of pressure. */
export function fillsOf({ memory, swap, overlay, pressure }: Figures): Fills {
  const fills: Fills = {}
  const set = (kind: FillKind, used: number, total: number, text: (percent: string) => string) => {
    if (total <= 0) return
    const percent = (100 * used) / total
    fills[kind] = { percent, text: text(`${Math.floor(percent)} %`) }
  }
  const bytes = (used: number, total: number) => `${humanSize(used)} of ${humanSize(total)}`
  if (overlay) {
    const { usedBytes, totalBytes, inodesUsed, inodes } = overlay
    set('overlay', usedBytes, totalBytes, (percent) => {
      return `the writable layer is ${percent} full (${bytes(usedBytes, totalBytes)})`
    })
    set('inodes', inodesUsed, inodes, (percent) => {
      return `the writable layer has ${percent} of its inodes in use (${inodesUsed} of ${inodes})`
    })
  }
  set('swap', swap.usedBytes, swap.totalBytes, (percent) => {
    return `swap is ${percent} full (${bytes(swap.usedBytes, swap.totalBytes)})`
  })
  const [used, total] = [
    memory.totalBytes - memory.availableBytes + swap.usedBytes,
    memory.totalBytes + swap.totalBytes,
  ]
  set('memory', used, total, (percent) => `memory is ${percent} in use, RAM and swap (${bytes(used, total)})`)
  if (pressure) {
    set('pressure', pressure.somePercent, 100, (percent) => {
      return `programs waited for memory in ${percent} of the last 10 s`
    })
  }
  return fills
}

export type Sized = { name: string; bytes: number }

/** One line: what is full, and who takes most. `files` or `processes` undefined: they could not be had in time. */
export function fillMessage(
  crossing: Pick<FillCrossing, 'text'>,
  largest: { files: readonly Sized[] | undefined; processes: readonly Sized[] | undefined },
): string {
  const list = (what: string, items: readonly Sized[] | undefined) => {
    if (items === undefined) return `the largest ${what} could not be had in time`
    if (items.length === 0) return `no ${what}`
    const shown = items.map(({ name, bytes }) => `${plain(name)} (${humanSize(bytes)})`)
    return `largest ${what}: ${shown.join(', ')}`
  }
  return `${crossing.text}; ${list('files', largest.files)}; ${list('processes', largest.processes)}`
}

/** A name is anybody's choice, and this goes to a terminal. */
function plain(name: string): string {
  return name.replaceAll(/\p{Cc}/gu, '?')
}
