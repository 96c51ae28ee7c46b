/** The database's shape, step by step. A step that was released is never changed: add another. */
import type { Kysely, Migration } from 'kysely'

export type Database = {
  nodes: {
    name: string
    mac: string
    model: string
    virtual: number
    address: string
    image: string
    /** JSON: GivenNodeSettings. */
    settings: string
    created_at: number
  }
  /** JSON: NodeStatus. */
  statuses: { node: string; status: string }
  history: {
    id?: number
    node: string
    at: number
    state: string
    boot_id: string | null
    cause: string | null
  }
  tickets: {
    node: string
    boot_id: string
    token: string
    image: string
    started_at: number
    /** JSON: GivenNodeSettings; null for a boot that began before there was this column. */
    settings: string | null
  }
  /** JSON: the payload as it was checked when it came in. */
  latest: { node: string; kind: string; report: string }
  /** JSON: GivenDeviceSettings. */
  devices: { name: string; type: string; address: string; settings: string }
  logs: { id?: number; node: string; at: number; level: string; message: string }
}

const first: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('nodes')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('mac', 'text', (column) => column.notNull().unique())
      .addColumn('model', 'text', (column) => column.notNull())
      .addColumn('virtual', 'integer', (column) => column.notNull())
      .addColumn('address', 'text', (column) => column.notNull().unique())
      .addColumn('image', 'text', (column) => column.notNull())
      .addColumn('settings', 'text', (column) => column.notNull())
      .addColumn('created_at', 'integer', (column) => column.notNull())
      .execute()
    const ofNode = (table: string) =>
      db.schema
        .createTable(table)
        .addColumn('node', 'text', (column) =>
          column.notNull().references('nodes.name').onDelete('cascade').onUpdate('cascade'),
        )
    await ofNode('statuses')
      .addColumn('status', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('statuses_key', ['node'])
      .execute()
    await ofNode('history')
      .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('at', 'integer', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('boot_id', 'text')
      .addColumn('cause', 'text')
      .execute()
    await db.schema.createIndex('history_of_node').on('history').columns(['node', 'id']).execute()
    await ofNode('tickets')
      .addColumn('boot_id', 'text', (column) => column.notNull())
      .addColumn('token', 'text', (column) => column.notNull())
      .addColumn('image', 'text', (column) => column.notNull())
      .addColumn('started_at', 'integer', (column) => column.notNull())
      .addPrimaryKeyConstraint('tickets_key', ['node'])
      .execute()
    await ofNode('latest')
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('report', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('latest_key', ['node', 'kind'])
      .execute()
    await ofNode('logs')
      .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('at', 'integer', (column) => column.notNull())
      .addColumn('level', 'text', (column) => column.notNull())
      .addColumn('message', 'text', (column) => column.notNull())
      .execute()
    await db.schema.createIndex('logs_of_node').on('logs').columns(['node', 'id']).execute()
  },
}

const devices: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('devices')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('type', 'text', (column) => column.notNull())
      .addColumn('address', 'text', (column) => column.notNull())
      .addColumn('settings', 'text', (column) => column.notNull())
      .execute()
    await db.schema.alterTable('tickets').addColumn('settings', 'text').execute()
  },
}

export const migrations: Record<string, Migration> = { '001-first': first, '002-devices': devices }
