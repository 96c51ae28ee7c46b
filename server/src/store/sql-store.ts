/** The queries of the store, in the SQL that SQLite and PostgreSQL share. */
import { limits } from '@walt/shared/limits'
import type { Kysely } from 'kysely'
import type { Device } from '../fleet/device.ts'
import type { NodeRecord } from '../fleet/node-record.ts'
import type { NodeStateName, NodeStatus } from '../fleet/node-status.ts'
import type { Database } from './migrations.ts'
import { createMonitoringStore } from './monitoring-store.ts'
import type { HistoryEntry, LatestReports, Store } from './store.ts'

export function createSqlStore(db: Kysely<Database>): Omit<Store, 'problems' | 'close'> {
  return {
    ...createMonitoringStore(db),

    async nodes() {
      const rows = await db.selectFrom('nodes').selectAll().orderBy('created_at').orderBy('name').execute()
      return rows.map(recordOf)
    },
    async putNode(record) {
      const { createdAt, virtual, settings, ...rest } = record
      const row = {
        ...rest,
        virtual: virtual ? 1 : 0,
        settings: JSON.stringify(settings),
        created_at: createdAt,
      }
      const { name: _, ...changes } = row
      await db
        .insertInto('nodes')
        .values(row)
        .onConflict((conflict) => conflict.column('name').doUpdateSet(changes))
        .execute()
    },
    async removeNode(name) {
      await db.deleteFrom('log_lines').where('issuer', '=', name).execute()
      await db.deleteFrom('nodes').where('name', '=', name).execute()
    },

    async statuses() {
      const rows = await db.selectFrom('statuses').selectAll().execute()
      return new Map(rows.map((row) => [row.node, JSON.parse(row.status) as NodeStatus]))
    },
    async putStatus(node, status) {
      const text = JSON.stringify(status)
      await db
        .insertInto('statuses')
        .values({ node, status: text })
        .onConflict((conflict) => conflict.column('node').doUpdateSet({ status: text }))
        .execute()
      const last = await db
        .selectFrom('history')
        .selectAll()
        .where('node', '=', node)
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst()
      const [bootId, cause] = [status.bootId ?? null, status.cause ?? null]
      if (last && last.state === status.state && last.boot_id === bootId && last.cause === cause) return
      const entry = {
        node,
        at: status.causeSince ?? status.since,
        state: status.state,
        boot_id: bootId,
        cause,
      }
      await db.insertInto('history').values(entry).execute()
      const newest = db
        .selectFrom('history')
        .select('id')
        .where('node', '=', node)
        .orderBy('id', 'desc')
        .limit(limits.nodeHistoryMax)
      await db.deleteFrom('history').where('node', '=', node).where('id', 'not in', newest).execute()
    },
    async history(name) {
      const rows = await db
        .selectFrom('history')
        .selectAll()
        .where('node', '=', name)
        .orderBy('id', 'desc')
        .execute()
      return rows.map(
        (row): HistoryEntry => ({
          at: row.at,
          state: row.state as NodeStateName,
          ...(row.boot_id === null ? {} : { bootId: row.boot_id }),
          ...(row.cause === null ? {} : { cause: row.cause }),
        }),
      )
    },

    async tickets() {
      const rows = await db.selectFrom('tickets').selectAll().execute()
      return rows.map(({ boot_id, started_at, settings, ...row }) => ({
        ...row,
        bootId: boot_id,
        startedAt: started_at,
        ...(settings === null ? {} : { settings: JSON.parse(settings) as NodeRecord['settings'] }),
      }))
    },
    async putTicket({ bootId, startedAt, node, settings, ...rest }) {
      const given = settings === undefined ? null : JSON.stringify(settings)
      const row = { ...rest, boot_id: bootId, started_at: startedAt, settings: given }
      await db
        .insertInto('tickets')
        .values({ node, ...row })
        .onConflict((conflict) => conflict.column('node').doUpdateSet(row))
        .execute()
    },

    async latest(name) {
      const rows = await db.selectFrom('latest').selectAll().where('node', '=', name).execute()
      return Object.fromEntries(rows.map((row) => [row.kind, JSON.parse(row.report)])) as LatestReports
    },
    async putLatest(node, kind, value) {
      const report = JSON.stringify(value)
      await db
        .insertInto('latest')
        .values({ node, kind, report })
        .onConflict((conflict) => conflict.columns(['node', 'kind']).doUpdateSet({ report }))
        .execute()
    },

    async devices() {
      const rows = await db.selectFrom('devices').selectAll().orderBy('name').execute()
      return rows.map((row): Device => {
        const settings = JSON.parse(row.settings) as Device['settings']
        return { ...row, type: row.type as Device['type'], settings }
      })
    },
    async putDevice(device) {
      const { name, ...changes } = { ...device, settings: JSON.stringify(device.settings) }
      await db
        .insertInto('devices')
        .values({ name, ...changes })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(changes))
        .execute()
    },
    async removeDevice(name) {
      await db.deleteFrom('devices').where('name', '=', name).execute()
    },
  }
}

function recordOf(row: Database['nodes']): NodeRecord {
  const { created_at, virtual, settings, ...rest } = row
  return {
    ...rest,
    virtual: virtual === 1,
    settings: JSON.parse(settings) as NodeRecord['settings'],
    createdAt: created_at,
  }
}
