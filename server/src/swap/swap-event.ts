import { limits } from '@walt/shared/limits'
import * as v from 'valibot'

const text = v.pipe(v.string(), v.maxLength(limits.swapEventMaxChars))
const count = v.pipe(v.number(), v.minValue(0))

/** What happens in the swap server, for the log and for whoever looks after it; `message` is a whole sentence. */
export const swapEvent = v.strictObject({
  kind: v.picklist([
    'notice',
    'attached',
    'detached',
    'replaced',
    'dropped',
    'refused',
    'request-failed',
    'space-normal',
    'space-high',
    'space-full',
    'deleted',
  ]),
  level: v.picklist(['info', 'warning']),
  /** Absent where it concerns all. */
  node: v.optional(text),
  message: text,
})
export type SwapEvent = v.InferOutput<typeof swapEvent>

/** One swap file. Times are milliseconds since the epoch. */
export const swapFigures = v.strictObject({
  node: text,
  bootId: text,
  sizeBytes: count,
  /** On the disk. */
  usedBytes: count,
  connections: count,
  /** When it was connected; without a connection, when the last one ended. */
  since: count,
  /** Over all its connections, since this process was started. */
  readBytes: count,
  writtenBytes: count,
})
export type SwapFigures = v.InferOutput<typeof swapFigures>

export const swapStatus = v.strictObject({
  connections: count,
  usedBytes: count,
  /** Of all: the quota, or less where the disk is nearly full. */
  quotaBytes: count,
  swaps: v.array(swapFigures),
})
export type SwapStatus = v.InferOutput<typeof swapStatus>
