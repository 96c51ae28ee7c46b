/** The part of the store that grows with time: samples of telemetry, boots, log lines, alerts. All of it has a retention. */
import { setImmediate } from 'node:timers/promises'
import type { BootReport } from '@walt/shared/boot-report'
import { limits } from '@walt/shared/limits'
import type { LogLevel } from '@walt/shared/payloads'
import type { Kysely, Selectable } from 'kysely'
import type { Database } from './migrations.ts'

/** Some consecutive points of one node and step, packed (history/sample-codec.ts); `at` is the first one's. */
export type SampleBlock = { node: string; stepMs: number; at: number; data: string }

export type BootEntry = {
  bootId: string
  image: string
  startedAt: number
  bootedAt?: number
  report?: BootReport
}

export type NewLogLine = { at: number; issuer: string; stream: string; level: LogLevel; message: string }
export type LogEntry = NewLogLine & { id: number }
export type LogQuery = {
  /** All, unless given. */
  issuers?: readonly string[] | undefined
  streams?: readonly string[] | undefined
  from?: number | undefined
  to?: number | undefined
  afterId?: number | undefined
  limit: number
  /** The newest that match, in place of the oldest; oldest first in any case. */
  newest?: boolean
}
export type Checkpoint = { name: string; at: number }

export type AlertEntry = {
  id: number
  kind: string
  node?: string | undefined
  level: 'warning' | 'critical'
  message: string
  since: number
  resolvedAt?: number | undefined
}

export type MonitoringStore = {
  /** A block of the same node, step and beginning is replaced. Those of nodes that are gone are left out. */
  addSamples(blocks: readonly SampleBlock[]): Promise<void>
  /** Blocks that begin within the time, oldest first. */
  samples(node: string, stepMs: number, from: number, to: number): Promise<SampleBlock[]>
  dropSamples(stepMs: number, before: number): Promise<void>

  /** Adds a boot or what has become known of it; the newest `limits.nodeBootsMax` of a node are kept. */
  putBoot(node: string, boot: BootEntry): Promise<void>
  /** Newest first. */
  boots(node: string): Promise<BootEntry[]>

  /** Gives each line its id, in the order of the lines. */
  addLogLines(lines: readonly NewLogLine[]): Promise<LogEntry[]>
  logLines(query: LogQuery): Promise<LogEntry[]>
  /** Those from before, and all but the newest `keep`. */
  dropLogLines(before: number, keep: number): Promise<void>

  /** By time. */
  checkpoints(): Promise<Checkpoint[]>
  putCheckpoint(checkpoint: Checkpoint): Promise<void>
  /** Whether there was one. */
  removeCheckpoint(name: string): Promise<boolean>

  /** Those that are on, then the newest of those that were. */
  alerts(limit: number): Promise<AlertEntry[]>
  addAlert(alert: Omit<AlertEntry, 'id'>): Promise<AlertEntry>
  putAlert(alert: AlertEntry): Promise<void>
  dropAlerts(resolvedBefore: number): Promise<void>
}

export function createMonitoringStore(db: Kysely<Database>): MonitoringStore {
  return {
    async addSamples(blocks) {
      for (let begin = 0; begin < blocks.length; begin += limits.storeBatchRowsMax) {
        const rows = blocks
          .slice(begin, begin + limits.storeBatchRowsMax)
          .map(({ stepMs, ...row }) => ({ ...row, step_ms: stepMs }))
        // A node may have been removed since: its key would fail all of the batch.
        const present = await db
          .selectFrom('nodes')
          .select('name')
          .where('name', 'in', [...new Set(rows.map((row) => row.node))])
          .execute()
        const names = new Set(present.map((row) => row.name))
        // PostgreSQL refuses a statement that would write a row twice: the last one counts.
        const byKey = new Map(rows.map((row) => [`${row.node} ${row.step_ms} ${row.at}`, row]))
        const kept = [...byKey.values()].filter((row) => names.has(row.node))
        // SQLite answers at once: without this, nobody else had a turn until all is written.
        await setImmediate()
        if (kept.length === 0) continue
        await db
          .insertInto('samples')
          .values(kept)
          .onConflict((conflict) =>
            conflict
              .columns(['node', 'step_ms', 'at'])
              .doUpdateSet((update) => ({ data: update.ref('excluded.data') })),
          )
          .execute()
      }
    },
    async samples(node, stepMs, from, to) {
      const rows = await db
        .selectFrom('samples')
        .selectAll()
        .where('node', '=', node)
        .where('step_ms', '=', stepMs)
        .where('at', '>=', from)
        .where('at', '<=', to)
        .orderBy('at')
        .execute()
      return rows.map(({ step_ms, ...row }) => ({ ...row, stepMs: step_ms }))
    },
    async dropSamples(stepMs, before) {
      await db.deleteFrom('samples').where('step_ms', '=', stepMs).where('at', '<', before).execute()
    },

    async putBoot(node, { bootId, image, startedAt, bootedAt, report }) {
      const known = { image, started_at: startedAt, booted_at: bootedAt ?? null }
      const row = { ...known, report: report === undefined ? null : JSON.stringify(report) }
      await db
        .insertInto('boots')
        .values({ node, boot_id: bootId, ...row })
        .onConflict((conflict) => conflict.columns(['node', 'boot_id']).doUpdateSet(row))
        .execute()
      const newest = db
        .selectFrom('boots')
        .select('boot_id')
        .where('node', '=', node)
        .orderBy('started_at', 'desc')
        .limit(limits.nodeBootsMax)
      await db.deleteFrom('boots').where('node', '=', node).where('boot_id', 'not in', newest).execute()
    },
    async boots(node) {
      const rows = await db
        .selectFrom('boots')
        .selectAll()
        .where('node', '=', node)
        .orderBy('started_at', 'desc')
        .execute()
      return rows.map((row): BootEntry => {
        const boot: BootEntry = { bootId: row.boot_id, image: row.image, startedAt: row.started_at }
        if (row.booted_at !== null) boot.bootedAt = row.booted_at
        if (row.report !== null) boot.report = JSON.parse(row.report) as BootReport
        return boot
      })
    },

    async addLogLines(lines) {
      const added: LogEntry[] = []
      for (let begin = 0; begin < lines.length; begin += limits.storeBatchRowsMax) {
        const rows = lines.slice(begin, begin + limits.storeBatchRowsMax)
        const ids = await db.insertInto('log_lines').values(rows).returning('id').execute()
        // Ids count up with the rows, but the order of what is returned is free (SQLite, RETURNING).
        const sorted = ids.map((row) => row.id).sort((one, other) => one - other)
        rows.forEach((row, index) => {
          added.push({ ...row, id: sorted[index] ?? 0 })
        })
      }
      return added
    },
    async logLines({ issuers, streams, from, to, afterId, limit, newest = false }) {
      if (issuers?.length === 0 || streams?.length === 0) return []
      let query = db.selectFrom('log_lines').selectAll()
      if (issuers) query = query.where('issuer', 'in', issuers)
      if (streams) query = query.where('stream', 'in', streams)
      if (from !== undefined) query = query.where('at', '>=', from)
      if (to !== undefined) query = query.where('at', '<=', to)
      if (afterId !== undefined) query = query.where('id', '>', afterId)
      const rows = await query
        .orderBy('id', newest ? 'desc' : 'asc')
        .limit(limit)
        .execute()
      if (newest) rows.reverse()
      return rows.map((row) => ({ ...row, level: row.level as LogLevel }))
    },
    async dropLogLines(before, keep) {
      await db.deleteFrom('log_lines').where('at', '<', before).execute()
      const last = await db
        .selectFrom('log_lines')
        .select('id')
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst()
      if (last)
        await db
          .deleteFrom('log_lines')
          .where('id', '<=', last.id - keep)
          .execute()
    },

    checkpoints: () => db.selectFrom('checkpoints').selectAll().orderBy('at').orderBy('name').execute(),
    async putCheckpoint({ name, at }) {
      await db
        .insertInto('checkpoints')
        .values({ name, at })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ at }))
        .execute()
    },
    async removeCheckpoint(name) {
      const { numDeletedRows } = await db
        .deleteFrom('checkpoints')
        .where('name', '=', name)
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },

    async alerts(limit) {
      const on = await db
        .selectFrom('alerts')
        .selectAll()
        .where('resolved_at', 'is', null)
        .orderBy('id', 'desc')
        .execute()
      const over = await db
        .selectFrom('alerts')
        .selectAll()
        .where('resolved_at', 'is not', null)
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return [...on, ...over].map(alertOf)
    },
    async addAlert(alert) {
      const { id } = await db
        .insertInto('alerts')
        .values(alertRow(alert))
        .returning('id')
        .executeTakeFirstOrThrow()
      return { ...alert, id }
    },
    async putAlert(alert) {
      await db.updateTable('alerts').set(alertRow(alert)).where('id', '=', alert.id).execute()
    },
    async dropAlerts(resolvedBefore) {
      await db.deleteFrom('alerts').where('resolved_at', '<', resolvedBefore).execute()
    },
  }
}

function alertRow({ kind, node, level, message, since, resolvedAt }: Omit<AlertEntry, 'id'>) {
  return { kind, node: node ?? null, level, message, since, resolved_at: resolvedAt ?? null }
}

function alertOf({ id, kind, node, level, message, since, resolved_at }: Selectable<Database['alerts']>) {
  const alert: AlertEntry = { id, kind, level: level as AlertEntry['level'], message, since }
  if (node !== null) alert.node = node
  if (resolved_at !== null) alert.resolvedAt = resolved_at
  return alert
}
