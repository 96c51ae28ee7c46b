/** Payloads of the MQTT topics: JSON, one schema a topic. Sizes in bytes, times in milliseconds unless named otherwise. */
import * as v from 'valibot'
import { bootMode } from './boot-report.ts'
import { WaltError } from './errors.ts'
import { limits } from './limits.ts'
import { bootId } from './node-names.ts'

/** JSON's `1e999` reads as Infinity, which cannot be written again. */
const number = v.pipe(v.number(), v.finite())

/** How often a boot has had its user space restarted: what runs now is the first (0, or absent), or a later one. */
const userSpace = v.pipe(v.number(), v.integer(), v.minValue(0))

export const nodeState = v.object({
  state: v.picklist(['booting', 'booted', 'rebooting', 'down']),
  bootId: v.optional(bootId),
  userSpace: v.optional(userSpace),
  image: v.optional(v.string()),
  mode: v.optional(bootMode),
  /** Milliseconds since the epoch, by the node's clock. */
  since: number,
  cause: v.optional(v.string()),
  /** Its root does not answer, or slowly; the cause says which. It lives on, and waits. */
  degraded: v.optional(v.boolean()),
})
export type NodeState = v.InferOutput<typeof nodeState>

export const telemetry = v.object({
  bootId: v.optional(bootId),
  at: number,
  uptimeSeconds: number,
  load: v.tuple([number, number, number]),
  memory: v.object({
    totalBytes: number,
    availableBytes: number,
    cachedBytes: number,
    shmemBytes: number,
  }),
  swap: v.object({ totalBytes: number, usedBytes: number }),
  zswap: v.optional(
    v.object({
      enabled: v.boolean(),
      poolBytes: v.optional(number),
      storedBytes: v.optional(number),
    }),
  ),
  /** The overlay's writable layer: what a reboot throws away. */
  overlay: v.optional(
    v.object({ totalBytes: number, usedBytes: number, inodes: number, inodesUsed: number }),
  ),
  /** Share of the last ten seconds in which some, and all, tasks waited for memory (PSI), where the kernel measures it. */
  pressure: v.optional(v.object({ somePercent: number, fullPercent: number })),
  nbd: v.optional(
    v.object({
      readBytes: number,
      writtenBytes: number,
      /** Since when the swap server has been out of reach; absent while it answers. */
      lostSeconds: v.optional(number),
    }),
  ),
  network: v.object({ receivedBytes: number, sentBytes: number }),
  temperatureCelsius: v.optional(number),
  agent: v.object({ residentBytes: number, anonymousBytes: number }),
  /** Connections to the control port that were refused since the daemon started. */
  controlRefused: number,
})
export type Telemetry = v.InferOutput<typeof telemetry>

/** What systeminformation says of the machine; shown, never computed with. */
export const inventory = v.object({
  manufacturer: v.string(),
  model: v.string(),
  serial: v.string(),
  processor: v.string(),
  cores: number,
  memoryBytes: number,
  architecture: v.string(),
  kernel: v.string(),
  distribution: v.string(),
  interfaces: v.pipe(
    v.array(v.object({ name: v.string(), mac: v.string(), address: v.string() })),
    v.maxLength(64),
  ),
  agentVersion: v.string(),
})
export type Inventory = v.InferOutput<typeof inventory>

export const logLevel = v.picklist(['info', 'warning', 'error'])
export type LogLevel = v.InferOutput<typeof logLevel>

/** Who speaks in the log: `agent`, `platform`, or a name that a program on a node chose. */
export const logStream = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, 'a stream is up to 64 letters, digits and "._:-"'),
)

/** Lines that programs on a node wrote, oldest first (walt-log-echo, walt-log-cat, walt-log-tee). */
export const nodeLines = v.object({
  stream: logStream,
  lines: v.pipe(
    v.array(v.object({ at: number, message: v.pipe(v.string(), v.maxLength(limits.logMessageMaxChars)) })),
    v.maxLength(limits.logLinesBatchMax),
  ),
  /** Lines of this stream that had to be thrown away before these. */
  dropped: v.optional(number),
})
export type NodeLines = v.InferOutput<typeof nodeLines>

export const nodeLog = v.object({
  at: number,
  level: logLevel,
  message: v.string(),
})
export type NodeLog = v.InferOutput<typeof nodeLog>

/**
 * A command to a node. It is meant for one boot, and one user space of it, and has a deadline, so that none that waited in
 * a queue can ever hit a later one.
 */
export const command = v.object({
  command: v.picklist(['reboot', 'ping', 'blink', 'dmesg', 'changes', 'userspace-reboot']),
  bootId,
  userSpace: v.optional(userSpace),
  /** Milliseconds since the epoch, by the server's clock. */
  deadline: number,
  requestedBy: v.optional(v.string()),
  on: v.optional(v.boolean()),
})
export type Command = v.InferOutput<typeof command>

/** What an operator may say with a reboot of a node set; an empty payload is `{}`. */
export const setReboot = v.object({
  hard: v.optional(v.boolean()),
  userspace: v.optional(v.boolean()),
  requestedBy: v.optional(v.pipe(v.string(), v.maxLength(limits.requestedByMaxBytes))),
})
export type SetReboot = v.InferOutput<typeof setReboot>

/** What differs from the image in the writable layer: how much, and the largest of it, largest first. */
const changeGroup = v.object({
  count: number,
  bytes: number,
  largest: v.pipe(
    v.array(
      v.object({ path: v.string(), kind: v.picklist(['file', 'link', 'other', 'deleted']), bytes: number }),
    ),
    v.maxLength(limits.changesListedMax),
  ),
})

export const nodeChanges = v.object({
  /** Since the node was booted. */
  changed: changeGroup,
  /** What its system writes by itself: at boot, and in places such as /var/log. */
  system: changeGroup,
  /** False where there was too much to look at all of it. */
  complete: v.boolean(),
})
export type NodeChanges = v.InferOutput<typeof nodeChanges>

export const reply = v.object({
  ok: v.boolean(),
  code: v.optional(v.string()),
  message: v.optional(v.string()),
  output: v.optional(v.string()),
  /** Of the command `changes`. */
  changes: v.optional(nodeChanges),
})
export type Reply = v.InferOutput<typeof reply>

/**
 * Reads one payload at the edge.
 * @throws WaltError `payload-invalid`
 */
export function parsePayload<S extends v.GenericSchema>(
  schema: S,
  payload: Uint8Array | string,
): v.InferOutput<S> {
  const bytes = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
  if (bytes > limits.mqttPayloadMaxBytes) {
    throw new WaltError(
      'payload-invalid',
      `a payload of ${bytes} bytes is over the limit of ${limits.mqttPayloadMaxBytes}`,
    )
  }
  let value: unknown
  try {
    value = JSON.parse(typeof payload === 'string' ? payload : new TextDecoder().decode(payload))
  } catch (cause) {
    throw new WaltError('payload-invalid', 'the payload is not JSON', { cause })
  }
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  const issue = result.issues[0]
  throw new WaltError('payload-invalid', `${v.getDotPath(issue) ?? 'the payload'}: ${issue.message}`)
}
