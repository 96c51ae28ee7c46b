import * as v from 'valibot'
import { bootId } from './node-names.ts'

/** Where the boot stage leaves its report, and the proof that the agent booted this machine. */
export const bootReportPath = '/run/walt/boot.json'

export const bootMode = v.picklist(['network', 'hybrid-volatile', 'hybrid-persistent'])
export type BootMode = v.InferOutput<typeof bootMode>

const number = v.pipe(v.number(), v.finite())

export const bootStep = v.object({
  name: v.string(),
  /** Milliseconds since the agent started, and the step's own time. */
  startedMs: number,
  tookMs: number,
  outcome: v.picklist(['done', 'skipped', 'failed']),
  /** Why it was skipped or failed, or a word on what it found; for a person. */
  note: v.optional(v.string()),
})
export type BootStep = v.InferOutput<typeof bootStep>

export const bootReport = v.object({
  version: v.literal(1),
  agentVersion: v.string(),
  nodeName: v.optional(v.string()),
  bootId: v.optional(bootId),
  image: v.optional(v.string()),
  mode: bootMode,
  virtual: v.boolean(),
  /** The kernel's own clock when the agent started: what firmware, kernel and initramfs took before. */
  kernelUptimeMs: number,
  /** Agent start to execve of the operating system's init. */
  totalMs: number,
  swapBytes: number,
  zswap: v.boolean(),
  persist: v.boolean(),
  /** Of a hybrid mode: the device, and the mounted folder that holds the image and, in `diff`, what differs from it. */
  disk: v.optional(v.object({ device: v.string(), folder: v.string() })),
  steps: v.pipe(v.array(bootStep), v.maxLength(64)),
  problems: v.pipe(v.array(v.string()), v.maxLength(64)),
  /** The kernel command line without walt.token. */
  commandLine: v.string(),
})
export type BootReport = v.InferOutput<typeof bootReport>
