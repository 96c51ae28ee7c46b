/** From MQTT to the fleet: each payload is checked by its schema; a bad one is said and dropped. */
import { bootReport } from '@walt/shared/boot-report'
import { reasonOf } from '@walt/shared/errors'
import { parseNodeTopic, parseSetRebootTopic } from '@walt/shared/mqtt-topics'
import {
  inventory,
  nodeLines,
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
import type { BootHistory } from '../history/boot-history.ts'
import type { TelemetryHistory } from '../history/telemetry-history.ts'
import type { Log } from '../log.ts'
import type { Logbook } from '../logbook/logbook.ts'
import type { BrokerMessage } from './broker.ts'

export type MessageReceiver = (message: BrokerMessage) => void

export function createMessageReceiver(parts: {
  fleet: Pick<Fleet, 'record' | 'report'>
  history: Pick<TelemetryHistory, 'add'>
  boots: Pick<BootHistory, 'addReport'>
  logbook: Pick<Logbook, 'addNodeLog' | 'addNodeLines'>
  /** Of the node's current boot. */
  currentBootId: (node: string) => string | undefined
  rebootSet: (set: string, request: SetReboot) => void
  receiveReply: (node: string, id: string, reply: Reply) => void
  log: Log
}): MessageReceiver {
  const { fleet, history, boots, logbook, currentBootId, rebootSet, receiveReply, log } = parts

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
    if (kind === 'log') logbook.addNodeLog(node, parsePayload(nodeLog, payload))
    if (kind === 'lines') logbook.addNodeLines(node, parsePayload(nodeLines, payload))
    // A connection of an older boot may live on until the broker learns that it is cut.
    if (from.bootId !== currentBootId(node)) return
    switch (kind) {
      case 'state':
        fleet.record(node, { type: 'reported', report: parsePayload(nodeState, payload) })
        break
      case 'boot': {
        const report = parsePayload(bootReport, payload)
        fleet.report(node, { kind, report })
        boots.addReport(node, report)
        break
      }
      case 'telemetry':
        history.add(node, parsePayload(telemetry, payload))
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
