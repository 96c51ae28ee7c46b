/** Bodies of what watches the fleet: history, boots, logs, alerts, events. Part of api-schema.ts, which has the rules. */
import { bootReport } from '@walt/shared/boot-report'
import { limits } from '@walt/shared/limits'
import { logLevel, logStream } from '@walt/shared/payloads'
import * as v from 'valibot'

const moment = v.pipe(v.string(), v.regex(/^[0-9]{1,15}$/, 'it is in milliseconds since the epoch'))
const momentOf = v.pipe(moment, v.transform(Number))
const countUpTo = (max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^[0-9]{1,9}$/, 'it is a whole number'),
    v.transform(Number),
    v.minValue(1, 'it is at least 1'),
    v.maxValue(max, `it is at most ${max}`),
  )

/** Of every list: `limit` entries after `cursor`, which a former answer gave. */
export const pageQuery = {
  cursor: v.optional(v.pipe(v.string(), v.maxLength(limits.apiCursorMaxBytes))),
  limit: v.optional(countUpTo(limits.apiPageMax)),
}

// GET nodes/NAME/history?metric=A,B&from=MS&to=MS -> NodeHistory. All metrics, and the last hour, unless asked otherwise.

/** Bytes, bytes a second, degrees Celsius; `load` is that of the last minute. Totals are in the node's telemetry. */
export const historyMetricNames = [
  'load',
  'memoryUsedBytes',
  'swapUsedBytes',
  'zswapPoolBytes',
  'zswapStoredBytes',
  'overlayUsedBytes',
  'overlayInodesUsed',
  'nbdReadBytesPerSecond',
  'nbdWrittenBytesPerSecond',
  'networkReceivedBytesPerSecond',
  'networkSentBytesPerSecond',
  'temperatureCelsius',
  'agentResidentBytes',
] as const
export const historyMetric = v.picklist(historyMetricNames)
export type HistoryMetric = v.InferOutput<typeof historyMetric>

export const nodeHistoryQuery = v.object({
  metric: v.optional(v.pipe(v.string(), v.maxLength(1_024))),
  from: v.optional(momentOf),
  to: v.optional(momentOf),
})

export const nodeHistory = v.object({
  /** Between points, mostly: 10 s for the last hour, 1 min for the last day, 10 min for the last month. */
  stepMs: v.number(),
  /** Of each point, ascending; the server's clock. */
  at: v.array(v.number()),
  /** One value for each of `at`; null where the node did not say, as in a gap while it was down. */
  metrics: v.record(historyMetric, v.array(v.nullable(v.number()))),
})
export type NodeHistory = v.InferOutput<typeof nodeHistory>

// GET nodes/NAME/boots -> NodeBoot[], newest first: the last `limits.nodeBootsMax`

export const nodeBoot = v.object({
  bootId: v.string(),
  image: v.string(),
  /** When the server began it: parameters were given, or a machine was started. */
  startedAt: v.number(),
  /** When it was booted; absent for a boot that never got so far, or is not yet there. */
  bootedAt: v.optional(v.number()),
  /** Its timed steps; absent where the agent never spoke. */
  report: v.optional(bootReport),
})
export type NodeBoot = v.InferOutput<typeof nodeBoot>
export const nodeBoots = v.array(nodeBoot)

// GET logs?issuers=A,B&streams=S,T&from=MS&to=MS&cursor=&limit= -> LogPage, oldest first. POST logs -> 204.

export const logLine = v.object({
  /** Counts up. */
  id: v.number(),
  at: v.number(),
  /** A node's name, or `server`. */
  issuer: v.string(),
  /** `agent`: what a node's agent says; `platform`: what befalls nodes; others as programs on nodes name them. */
  stream: v.string(),
  level: logLevel,
  message: v.string(),
})
export type LogLine = v.InferOutput<typeof logLine>

const names = v.pipe(v.string(), v.maxLength(limits.nodeSetMaxBytes))
export const logsQuery = v.object({
  /** A node set, `server`, or both joined by commas. */
  issuers: v.optional(names),
  streams: v.optional(names),
  from: v.optional(momentOf),
  to: v.optional(momentOf),
  ...pageQuery,
})

export const logPage = v.object({
  lines: v.array(logLine),
  /** The cursor of the next page; absent at the end. */
  next: v.optional(v.string()),
})
export type LogPage = v.InferOutput<typeof logPage>

export const writeLogRequest = v.strictObject({
  stream: logStream,
  message: v.pipe(v.string(), v.maxLength(limits.logMessageMaxChars)),
})

// GET logs/checkpoints -> LogCheckpoint[]; POST logs/checkpoints -> 201 LogCheckpoint; DELETE logs/checkpoints/NAME -> 204

export const logCheckpoint = v.object({ name: v.string(), at: v.number() })
export type LogCheckpoint = v.InferOutput<typeof logCheckpoint>
export const logCheckpoints = v.array(logCheckpoint)

export const checkpointName = v.pipe(
  v.string(),
  v.regex(/^[a-z][a-z0-9_-]{0,62}$/i, 'a name of a checkpoint has letters, digits, "-" and "_" only'),
)
export const addCheckpointRequest = v.strictObject({
  name: checkpointName,
  /** Now, unless given. */
  at: v.optional(v.number()),
})

// GET alerts -> AlertView[]: those that are on, then those that were, newest first

export const alertView = v.object({
  id: v.number(),
  kind: v.picklist([
    'node-lost',
    'overlay-filling',
    'swap-filling',
    'swap-quota',
    'unexpected-restart',
    'root-degraded',
  ]),
  /** Absent for an alert of the server itself. */
  node: v.optional(v.string()),
  level: v.picklist(['warning', 'critical']),
  message: v.string(),
  since: v.number(),
  /** When it was over; absent while it is on. */
  resolvedAt: v.optional(v.number()),
})
export type AlertView = v.InferOutput<typeof alertView>
export const alertViews = v.array(alertView)

// GET events?kinds=node,alert,log -> text/event-stream (`node` and `alert` unless asked otherwise).
// `event: node`, `data:` a fleetEvent; `event: alert`, an alertView; `event: log`, a logLine. Each has an `id:`; a client
// that comes back with it as Last-Event-ID gets what it missed, or `event: reset` if that is forgotten: it reads all anew.

export const eventKindNames = ['node', 'alert', 'log'] as const
export const eventKind = v.picklist(eventKindNames)
export type EventKind = v.InferOutput<typeof eventKind>
export const eventsQuery = v.object({ kinds: v.optional(v.pipe(v.string(), v.maxLength(64))) })
