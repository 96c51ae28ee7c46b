/** From MQTT to the fleet: each payload is checked by its schema; a bad one is said and dropped. */
import { bootReport } from '@walt/shared/boot-report'
import { reasonOf } from '@walt/shared/errors'
import { parseNodeTopic, parseSetRebootTopic } from '@walt/shared/mqtt-topics'
import {
  inventory,
  nodeLog,
  nodeState,
  parsePayload,
  type Reply,
  reply,
  type SetReboot,
  setReboot,
  telemetry,
} from '@walt/shared/payloads'
import type { Fleet } from '../fleet/fleet.ts'
import type { Log } from '../log.ts'
import type { BrokerMessage } from './broker.ts'

export type MessageReceiver = (message: BrokerMessage) => void

export function createMessageReceiver(parts: {
  fleet: Pick<Fleet, 'record' | 'report' | 'addLog'>
  /** Of the node's current boot. */
  currentBootId: (node: string) => string | undefined
  rebootSet: (set: string, request: SetReboot) => void
  receiveReply: (node: string, id: string, reply: Reply) => void
  log: Log
}): MessageReceiver {
  const { fleet, currentBootId, rebootSet, receiveReply, log } = parts

  function receive({ topic, payload, from }: BrokerMessage): void {
    const set = parseSetRebootTopic(topic)
    if (set !== undefined) {
      if (from.kind === 'operator')
        rebootSet(set, parsePayload(setReboot, payload.length === 0 ? '{}' : payload))
      return
    }
    const parsed = parseNodeTopic(topic)
    if (!parsed || from.kind !== 'node') return
    const { node, kind, id } = parsed
    // What was said is worth knowing whichever boot said it: why a kexec failed is told after the next boot began.
    if (kind === 'log') fleet.addLog(node, parsePayload(nodeLog, payload))
    // A connection of an older boot may live on until the broker learns that it is cut.
    if (from.bootId !== currentBootId(node)) return
    switch (kind) {
      case 'state':
        fleet.record(node, { type: 'reported', report: parsePayload(nodeState, payload) })
        break
      case 'boot':
        fleet.report(node, { kind, report: parsePayload(bootReport, payload) })
        break
      case 'telemetry':
        fleet.report(node, { kind, report: parsePayload(telemetry, payload) })
        break
      case 'inventory':
        fleet.report(node, { kind, report: parsePayload(inventory, payload) })
        break
      case 'reply':
        if (id !== undefined) receiveReply(node, id, parsePayload(reply, payload))
        break
    }
  }

  return (message) => {
    try {
      receive(message)
    } catch (thrown) {
      log.warn(`MQTT: a message to ${message.topic} was dropped: ${reasonOf(thrown)}`)
    }
  }
}
