/** What the server and its swap process say to each other (Node's IPC channel, JSON), checked on both sides. */
import { limits } from '@walt/shared/limits'
import { ipv4Address, nodeName } from '@walt/shared/node-names'
import * as v from 'valibot'
import { swapEvent, swapStatus } from './swap-event.ts'

const bootId = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/))
const bytes = v.pipe(v.number(), v.minValue(0))

/** A node's current boot, and from where its swap is asked for. */
export const swapBoot = v.strictObject({ node: nodeName, bootId, address: ipv4Address })
export type SwapBoot = v.InferOutput<typeof swapBoot>

export const swapSettings = v.strictObject({
  hosts: v.array(v.string()),
  port: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)),
  folder: v.string(),
  quotaBytes: bytes,
  /** Of one boot's file; null leaves it to the size of the swap. */
  nodeQuotaBytes: v.nullable(bytes),
  reserveBytes: bytes,
})
export type SwapSettings = v.InferOutput<typeof swapSettings>

/** To the swap process. */
export const swapOrder = v.variant('type', [
  /**
   * The first one. Files of other nodes, and of other boots of these, are deleted; a node's other boots are kept where
   * its system of before may run still.
   */
  v.strictObject({
    type: v.literal('start'),
    settings: swapSettings,
    boots: v.pipe(
      v.array(v.strictObject({ ...swapBoot.entries, othersMayLive: v.boolean() })),
      v.maxLength(limits.nodesMax),
    ),
  }),
  v.strictObject({ type: v.literal('allow'), boot: swapBoot }),
  v.strictObject({ type: v.literal('deny'), node: nodeName }),
  /** The node's boots but this one are over; without one, all of them. */
  v.strictObject({ type: v.literal('forget'), node: nodeName, keepBootId: v.optional(bootId) }),
  v.strictObject({ type: v.literal('drop'), node: nodeName, bootId }),
])
export type SwapOrder = v.InferOutput<typeof swapOrder>

/** From the swap process. */
export const swapNews = v.variant('type', [
  v.strictObject({ type: v.literal('listening'), port: v.number() }),
  /** It cannot start, and ends. */
  v.strictObject({ type: v.literal('failed'), code: v.string(), message: v.string() }),
  v.strictObject({ type: v.literal('status'), status: swapStatus }),
  v.strictObject({ type: v.literal('event'), event: swapEvent }),
])
export type SwapNews = v.InferOutput<typeof swapNews>
