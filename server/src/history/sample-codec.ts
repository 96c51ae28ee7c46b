/**
 * One reading of a node as the numbers of its history, and points packed small. A number takes 16 bits, on a
 * logarithmic scale that goes from thousandths to terabytes and is right to a tenth of a percent: enough for a plot,
 * and an hour of 10 s steps of one node takes 9 KB. Pure.
 */
import type { Telemetry } from '@walt/shared/payloads'
import { type HistoryMetric, historyMetricNames } from '../http/api-schema.ts'

export const metricCount = historyMetricNames.length
export const metricIndex = new Map<string, number>(historyMetricNames.map((name, index) => [name, index]))

/** One value for each metric, in the order of `historyMetricNames`; NaN where there is none. */
export type Sample = readonly number[]

/** `before` is the reading before this one: rates are what was added since, unless the node was restarted. */
export function sampleOf(now: Telemetry, before: Telemetry | undefined): Sample {
  const seconds = before ? now.uptimeSeconds - before.uptimeSeconds : 0
  const sameBoot = before !== undefined && before.bootId === now.bootId && seconds > 0
  const rate = (value: number | undefined, earlier: number | undefined) => {
    if (!sameBoot || value === undefined || earlier === undefined || value < earlier) return Number.NaN
    return (value - earlier) / seconds
  }
  const values: Record<HistoryMetric, number | undefined> = {
    load: now.load[0],
    memoryUsedBytes: now.memory.totalBytes - now.memory.availableBytes,
    swapUsedBytes: now.swap.usedBytes,
    zswapPoolBytes: now.zswap?.poolBytes,
    zswapStoredBytes: now.zswap?.storedBytes,
    overlayUsedBytes: now.overlay?.usedBytes,
    overlayInodesUsed: now.overlay?.inodesUsed,
    nbdReadBytesPerSecond: rate(now.nbd?.readBytes, before?.nbd?.readBytes),
    nbdWrittenBytesPerSecond: rate(now.nbd?.writtenBytes, before?.nbd?.writtenBytes),
    networkReceivedBytesPerSecond: rate(now.network.receivedBytes, before?.network.receivedBytes),
    networkSentBytesPerSecond: rate(now.network.sentBytes, before?.network.sentBytes),
    temperatureCelsius: now.temperatureCelsius,
    agentResidentBytes: now.agent.residentBytes,
  }
  return historyMetricNames.map((name) => values[name] ?? Number.NaN)
}

const absent = -32_768
/** 32767 / 44: up to 2^44. */
const perDoubling = 744

export function encodeValue(value: number): number {
  if (!Number.isFinite(value)) return absent
  const size = Math.round(Math.log2(1 + Math.abs(value)) * perDoubling)
  return Math.sign(value) * Math.min(size, 32_767)
}

export function decodeValue(code: number): number | null {
  if (code === absent) return null
  const value = Math.sign(code) * (2 ** (Math.abs(code) / perDoubling) - 1)
  // No more digits than it has.
  return Number(value.toPrecision(4))
}

export type Point = { at: number; codes: Int16Array }

export const codesOf = (sample: Sample): Int16Array => Int16Array.from(sample, encodeValue)

/** Points of equal distance would not need their time, but a node may have been away: so each has its step number. */
export function packPoints(points: readonly Point[], stepMs: number): string {
  const first = points[0]
  if (!first) return ''
  const words = new Int16Array(points.length * (metricCount + 1))
  points.forEach(({ at, codes }, index) => {
    const begin = index * (metricCount + 1)
    words[begin] = Math.round((at - first.at) / stepMs)
    words.set(codes, begin + 1)
  })
  return Buffer.from(words.buffer).toString('base64')
}

export function unpackPoints(data: string, at: number, stepMs: number): Point[] {
  const bytes = Uint8Array.from(Buffer.from(data, 'base64'))
  const width = metricCount + 1
  const words = new Int16Array(bytes.buffer, 0, Math.floor(bytes.length / 2))
  const points: Point[] = []
  for (let begin = 0; begin + width <= words.length; begin += width) {
    const codes = words.slice(begin + 1, begin + width)
    points.push({ at: at + (words[begin] ?? 0) * stepMs, codes })
  }
  return points
}
