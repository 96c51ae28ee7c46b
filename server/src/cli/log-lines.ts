/** Reading the log: what is there, and what comes. */
import { reasonOf } from '@walt/shared/errors'
import * as v from 'valibot'
import { type LogLine, logCheckpoints, logLine, logPage, nodeListEntries } from '../http/api-schema.ts'
import type { CommandContext } from './command-context.ts'
import { usageError } from './exit-status.ts'
import { type LogRange, logRange } from './log-range.ts'
import { serverEvents } from './server-events.ts'
import { printable } from './table.ts'
import { humanMoment } from './times.ts'

/** Which lines are wanted. */
export type LogFilter = {
  /** A node set, `server`, or both. */
  issuers?: string | undefined
  streams?: RegExp | undefined
  message?: RegExp | undefined
}

/** @throws WaltError `usage` */
export function readPattern(what: string, text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined
  try {
    return new RegExp(text)
  } catch (thrown) {
    throw usageError(`${what} ${text}: it is no regular expression: ${reasonOf(thrown)}`)
  }
}

/** @throws WaltError `usage` */
export async function readRange(context: CommandContext, text: string): Promise<LogRange | undefined> {
  const request = { method: 'GET', path: 'logs/checkpoints' } as const
  const named = /[a-z]{2}|:[a-z]|^[a-z]/i.test(text) && text !== 'full' && text !== 'none'
  return logRange(text, named ? await context.api.call(request, logCheckpoints) : [], Date.now())
}

export async function* pastLines(
  context: CommandContext,
  { issuers, streams, message }: LogFilter,
  { from, to }: LogRange,
  after?: number,
): AsyncGenerator<LogLine> {
  let cursor = after === undefined ? undefined : String(after)
  do {
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries({ issuers, from, to, cursor }))
      if (value !== undefined) query.set(name, String(value))
    const page = await context.api.call({ method: 'GET', path: `logs?${query}` }, logPage)
    for (const line of page.lines) if (matches(line, { streams, message })) yield line
    cursor = page.next
  } while (cursor !== undefined)
}

/**
 * What is there of a time that goes on, then what comes. Events are followed before the past is read, so that nothing
 * falls in between; what came twice is left out by its number.
 */
export async function* followedLines(
  context: CommandContext,
  filter: LogFilter,
  range: LogRange | undefined,
): AsyncGenerator<LogLine> {
  const names = await issuerNames(context, filter.issuers)
  let last = 0
  let begun = false
  for await (const { event, data } of serverEvents(context, ['log'])) {
    const missed = event === 'reset' && last > 0
    const past = event === 'open' && !begun && range
    if (past || missed) {
      for await (const line of pastLines(context, filter, range ?? {}, missed ? last : undefined)) {
        last = line.id
        yield line
      }
    }
    begun = true
    const line = event === 'log' ? v.parse(logLine, data) : undefined
    if (!line || line.id <= last || !matches(line, filter)) continue
    if (names && !names.has(line.issuer)) continue
    last = line.id
    yield line
  }
}

/** The names of a set of issuers; undefined for all. */
export async function issuerNames(
  context: CommandContext,
  issuers: string | undefined,
): Promise<Set<string> | undefined> {
  if (issuers === undefined) return undefined
  const words = issuers.split(',')
  const set = words.filter((word) => word !== 'server').join(',')
  const names = new Set<string>(words.filter((word) => word === 'server'))
  if (set === '') return names
  const path = `nodes?set=${encodeURIComponent(set)}`
  for (const { name } of await context.api.call({ method: 'GET', path }, nodeListEntries)) names.add(name)
  return names
}

/** Pure. */
export function matches(line: LogLine, { streams, message }: Omit<LogFilter, 'issuers'>): boolean {
  return (streams?.test(line.stream) ?? true) && (message?.test(line.message) ?? true)
}

/** Pure: `2026-06-18 13:23:05.042 vnode1.app -> hello` */
export function logText({ at, issuer, stream, level, message }: LogLine): string {
  const ms = String(Math.floor(at) % 1000).padStart(3, '0')
  const mark = level === 'info' ? '' : `${level}: `
  return `${humanMoment(at)}.${ms} ${printable(`${issuer}.${stream}`)} -> ${mark}${printable(message)}`
}
