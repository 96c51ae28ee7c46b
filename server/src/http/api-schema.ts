/**
 * The HTTP API's bodies, one schema each, for both sides: the server checks what it is sent, the command line what it
 * is answered. Everything is under `/api/v1`. An error is a status from 400 on with `problem` as its body. Times are
 * milliseconds since the epoch, sizes bytes.
 */
import { bootMode, bootReport } from '@walt/shared/boot-report'
import { limits } from '@walt/shared/limits'
import { imageName, ipv4Address, macAddress, nodeName } from '@walt/shared/node-names'
import { inventory, nodeChanges, nodeLog, telemetry } from '@walt/shared/payloads'
import * as v from 'valibot'
import { pageQuery } from './monitoring-schema.ts'

export * from './monitoring-schema.ts'

/** The body of every error: application/problem+json (RFC 9457). */
export const problem = v.object({
  /** `urn:walt:error:CODE`. */
  type: v.string(),
  title: v.string(),
  status: v.number(),
  /** For a person: what failed, on what, why, what to do. */
  detail: v.string(),
  /** Stable, for programs. */
  code: v.string(),
})
export type Problem = v.InferOutput<typeof problem>

/** An error inside of an answer that had begun well. */
export const apiError = v.object({ code: v.string(), message: v.string() })
export type ApiError = v.InferOutput<typeof apiError>

/** A node set as in shared/node-sets.ts: `vnode1,vnode[3-5]`, `all-nodes`, `image:NAME`. */
const nodeSet = v.pipe(
  v.string(),
  v.minLength(1, 'a node set is empty: name a node, or all-nodes'),
  v.maxLength(limits.nodeSetMaxBytes, 'a node set is too long'),
)
const requestedBy = v.pipe(v.string(), v.maxLength(limits.requestedByMaxBytes))

// GET status

export const serverStatus = v.object({
  version: v.string(),
  startedAt: v.number(),
  /** The state folder. */
  state: v.string(),
  network: v.object({ address: v.string(), prefix: v.number(), bridge: v.nullable(v.string()) }),
  /** The key that opens a node: `ssh -i KEY root@ADDRESS`. */
  sshKey: v.string(),
  nodes: v.object({
    total: v.number(),
    booted: v.number(),
    booting: v.number(),
    rebooting: v.number(),
    down: v.number(),
  }),
  broker: v.object({ port: v.number(), connections: v.number(), refused: v.number() }),
  swap: v.object({
    port: v.number(),
    /** Its process; absent while that is being started. */
    pid: v.optional(v.number()),
    /** How often it had to be started again. */
    restarts: v.number(),
    connections: v.number(),
    usedBytes: v.number(),
    /** Of all nodes together: the quota, or less where the disk has less. */
    quotaBytes: v.number(),
    nodes: v.array(
      v.object({
        node: v.string(),
        bootId: v.string(),
        sizeBytes: v.number(),
        /** On the server's disk. */
        usedBytes: v.number(),
        connections: v.number(),
        /** When it was connected; without a connection, when the last one ended. */
        since: v.number(),
        /** Since the swap server's process was started. */
        readBytes: v.number(),
        writtenBytes: v.number(),
      }),
    ),
  }),
  nfs: v.object({ server: v.string(), state: v.string() }),
  vnodes: v.object({ engine: v.string(), running: v.number() }),
  images: v.number(),
})
export type ServerStatus = v.InferOutput<typeof serverStatus>

// GET dashboard: a link that logs in; whoever may ask has the token, or is root

export const dashboardLink = v.object({ url: v.string() })
export type DashboardLink = v.InferOutput<typeof dashboardLink>

// GET nodes[?set=SET][&with=telemetry][&limit=N[&cursor=NAME]] -> NodeListEntry[]; GET nodes/NAME -> NodeDetails.
// With a limit, the list is by name, and its next page is in the header `link: <...>; rel="next"` (RFC 8288).

export const nodeStateName = v.picklist(['new', 'off', 'booting', 'booted', 'rebooting', 'down', 'lost'])

const settingValue = v.union([v.string(), v.number(), v.boolean()])
/** Secrets read `(set)`. */
const settingsView = v.object({
  given: v.record(v.string(), v.string()),
  effective: v.record(v.string(), settingValue),
})

export const nodeView = v.object({
  name: v.string(),
  mac: v.string(),
  model: v.string(),
  virtual: v.boolean(),
  address: v.string(),
  /** What the next boot will run. */
  image: v.string(),
  createdAt: v.number(),
  settings: settingsView,
  state: nodeStateName,
  since: v.number(),
  bootId: v.optional(v.string()),
  cause: v.optional(v.string()),
  /** It is up, but its NFS server does not answer, or slowly: see `cause`. */
  degraded: v.optional(v.boolean()),
  mode: v.optional(bootMode),
  /** What the running boot runs; another name than `image` means that a reboot would change the node. */
  runningImage: v.optional(v.string()),
  bootTries: v.number(),
  /** How often user space was restarted in the running boot; absent: never. */
  userSpace: v.optional(v.number()),
})
export type NodeView = v.InferOutput<typeof nodeView>
export const nodeViews = v.array(nodeView)

export const nodesQuery = v.object({
  set: v.optional(v.string()),
  with: v.optional(v.literal('telemetry', 'with=telemetry is all that there is')),
  ...pageQuery,
})
/** `telemetry` where it was asked for, of a node that has said something since the server was started. */
export const nodeListEntry = v.object({ ...nodeView.entries, telemetry: v.optional(telemetry) })
export type NodeListEntry = v.InferOutput<typeof nodeListEntry>
export const nodeListEntries = v.array(nodeListEntry)

export const historyEntry = v.object({
  at: v.number(),
  state: nodeStateName,
  bootId: v.optional(v.string()),
  cause: v.optional(v.string()),
})
export type HistoryEntry = v.InferOutput<typeof historyEntry>

export const nodeDetails = v.object({
  ...nodeView.entries,
  /** Newest first. */
  history: v.array(historyEntry),
  /** The last that its agent warned of, oldest first. */
  warnings: v.optional(v.array(nodeLog), []),
  bootReport: v.optional(bootReport),
  telemetry: v.optional(telemetry),
  inventory: v.optional(inventory),
})
export type NodeDetails = v.InferOutput<typeof nodeDetails>

// POST nodes -> NodeView; DELETE nodes/NAME -> 204

export const createNodeRequest = v.strictObject({
  name: nodeName,
  image: v.optional(imageName),
  /** With a MAC address the node is a physical one; without, a virtual one that starts at once. */
  mac: v.optional(macAddress),
  model: v.optional(imageName),
  settings: v.optional(v.record(v.string(), v.string())),
})
export type CreateNodeRequest = v.InferOutput<typeof createNodeRequest>

// PATCH nodes -> NodeView[]

export const configureNodesRequest = v.strictObject({
  nodes: nodeSet,
  settings: v.record(v.string(), v.string()),
})

// POST nodes/reboot, POST nodes/boot -> RebootAnswer. Answered 200 even if nodes failed: each result says.

export const rebootNodesRequest = v.strictObject({
  nodes: nodeSet,
  hard: v.optional(v.boolean()),
  /** Only nodes that a reboot would change. */
  ifChanged: v.optional(v.boolean()),
  /** User space alone; the kernel runs on. */
  userspace: v.optional(v.boolean()),
  requestedBy: v.optional(requestedBy),
})

export const bootNodesRequest = v.strictObject({
  nodes: nodeSet,
  image: imageName,
  requestedBy: v.optional(requestedBy),
})

export const rebootResult = v.object({
  node: v.string(),
  ok: v.boolean(),
  /** Absent where it failed, or was not needed. */
  method: v.optional(v.picklist(['soft', 'hard', 'userspace'])),
  /** A whole line in WalT's words: `NAME: rebooted OK.` */
  message: v.string(),
})
export type RebootResult = v.InferOutput<typeof rebootResult>
export const rebootAnswer = v.object({ results: v.array(rebootResult) })

// POST nodes/wait -> WaitAnswer, when all are booted, or lost, or the time is over. At most `limits.apiWaitMaxMs` a call.

export const waitNodesRequest = v.strictObject({
  nodes: nodeSet,
  /** 0 answers at once, with how things stand. */
  timeoutSeconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(limits.apiWaitMaxMs / 1000))),
})

export const waitResult = v.object({
  node: v.string(),
  state: nodeStateName,
  /** Booted. */
  ok: v.boolean(),
  cause: v.optional(v.string()),
})
export type WaitResult = v.InferOutput<typeof waitResult>
export const waitAnswer = v.object({ results: v.array(waitResult) })

// POST nodes/command -> CommandAnswer, over the nodes' control port

export const commandNodesRequest = v.strictObject({
  nodes: nodeSet,
  command: v.picklist(['blink', 'dmesg', 'ping']),
  /** Of blink: on or off. */
  on: v.optional(v.boolean()),
})
export type CommandNodesRequest = v.InferOutput<typeof commandNodesRequest>

export const commandResult = v.object({
  node: v.string(),
  ok: v.boolean(),
  message: v.string(),
  output: v.optional(v.string()),
})
export type CommandResult = v.InferOutput<typeof commandResult>
export const commandAnswer = v.object({ results: v.array(commandResult) })

// GET nodes/NAME/console?follow=0|1&bytes=N -> text/plain as it comes; `bytes` counts back from the end

export const consoleQuery = v.object({
  follow: v.optional(v.picklist(['0', '1'])),
  bytes: v.optional(v.pipe(v.string(), v.regex(/^[0-9]{1,9}$/, 'it is a whole number'), v.transform(Number))),
})

// GET nodes/NAME/changes -> NodeChanges, of a node that is up

export { nodeChanges }

// GET nodes/NAME/logs -> NodeLog[], oldest first

export const nodeLogs = v.array(nodeLog)

// GET devices -> DeviceView[]; POST devices -> DeviceView; PATCH devices/NAME -> DeviceView; DELETE devices/NAME -> 204

export const deviceView = v.object({
  name: v.string(),
  type: v.literal('switch'),
  address: v.string(),
  settings: settingsView,
})
export type DeviceView = v.InferOutput<typeof deviceView>
export const deviceViews = v.array(deviceView)

export const createDeviceRequest = v.strictObject({
  name: nodeName,
  type: v.literal('switch', 'the type of a device is "switch"'),
  address: ipv4Address,
})

export const configureDeviceRequest = v.strictObject({ settings: v.record(v.string(), v.string()) })

// GET images -> ImageView[]; DELETE images/NAME -> 204, or 409 where a node uses it

export const imageView = v.object({
  name: v.string(),
  suite: v.optional(v.string()),
  models: v.array(v.string()),
  sizeBytes: v.optional(v.number()),
  builtAt: v.optional(v.number()),
  /** Names of nodes. */
  usedBy: v.array(v.string()),
  /** Why it cannot be booted. */
  problem: v.optional(v.string()),
})
export type ImageView = v.InferOutput<typeof imageView>
export const imageViews = v.array(imageView)

// POST images -> application/x-ndjson, one `buildProgress` a line, the last one `done` or `error`

export const buildImageRequest = v.strictObject({
  name: imageName,
  suite: v.optional(v.picklist(['bookworm', 'trixie'])),
  packages: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9+.-]*$/, 'a Debian package name'))),
      v.maxLength(limits.imagePackagesMax),
    ),
  ),
  mirror: v.optional(v.pipe(v.string(), v.url('a mirror is a URL'))),
  /** An image to start from instead of an empty folder. */
  from: v.optional(imageName),
})
export type BuildImageRequest = v.InferOutput<typeof buildImageRequest>

export const buildProgress = v.union([
  v.object({ progress: v.string() }),
  v.object({ done: imageView }),
  v.object({ error: apiError }),
])
export type BuildProgress = v.InferOutput<typeof buildProgress>

// GET events, see monitoring-schema.ts; of a change of a node

export const fleetEvent = v.object({
  node: v.string(),
  at: v.number(),
  /** Absent once the node is removed. */
  view: v.optional(nodeView),
})
export type FleetEventView = v.InferOutput<typeof fleetEvent>
