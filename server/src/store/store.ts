/** What outlives the server. `test/contract/store.test.ts` is what every implementation must do. */
import type { BootReport } from '@walt/shared/boot-report'
import type { Inventory } from '@walt/shared/payloads'
import type { BootTicket } from '../fleet/boot-ticket.ts'
import type { Device } from '../fleet/device.ts'
import type { NodeRecord } from '../fleet/node-record.ts'
import type { NodeStateName, NodeStatus } from '../fleet/node-status.ts'
import type { MonitoringStore } from './monitoring-store.ts'

export type HistoryEntry = { at: number; state: NodeStateName; bootId?: string; cause?: string }

/** The newest of what a node sent, one of a kind. */
export type LatestReports = { boot?: BootReport; inventory?: Inventory }
export type ReportKind = keyof LatestReports

export type Store = MonitoringStore & {
  nodes(): Promise<NodeRecord[]>
  /** Adds a node or changes it. Names, MAC addresses and addresses are unique. */
  putNode(record: NodeRecord): Promise<void>
  /** With all that is known of it. */
  removeNode(name: string): Promise<void>

  statuses(): Promise<Map<string, NodeStatus>>
  /** Also the history: its newest `limits.nodeHistoryMax` changes of state are kept. */
  putStatus(name: string, status: NodeStatus): Promise<void>
  /** Newest first. */
  history(name: string): Promise<HistoryEntry[]>

  /** The current boot of each node. */
  tickets(): Promise<BootTicket[]>
  /** Replaces the ticket of the node's boot before. */
  putTicket(ticket: BootTicket): Promise<void>

  latest(name: string): Promise<LatestReports>
  putLatest<K extends ReportKind>(name: string, kind: K, report: NonNullable<LatestReports[K]>): Promise<void>

  devices(): Promise<Device[]>
  /** Adds a device or changes it. */
  putDevice(device: Device): Promise<void>
  removeDevice(name: string): Promise<void>

  /** Why nothing can be stored now, in words for everybody. */
  problems(): string[]
  close(): Promise<void>
}
