/** The database's shape, step by step. A step that was released is never changed: add another. */
import {
  type ColumnDataType,
  type ColumnDefinitionBuilder,
  type Expression,
  type Generated,
  type Kysely,
  type Migration,
  sql,
} from 'kysely'

type DataType = ColumnDataType | Expression<unknown>

/** What SQLite and PostgreSQL declare differently. */
export type ColumnTypes = {
  /** Compared byte by byte. */
  text: DataType
  /** Milliseconds; whatever a node's clock says must fit. */
  time: DataType
  /** For what counts up by itself. */
  number: DataType
  counted: (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder
}

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
  samples: { node: string; step_ms: number; at: number; data: string }
  boots: {
    node: string
    boot_id: string
    image: string
    started_at: number
    booted_at: number | null
    /** JSON: BootReport. */
    report: string | null
  }
  log_lines: {
    id: Generated<number>
    at: number
    issuer: string
    stream: string
    level: string
    message: string
  }
  checkpoints: { name: string; at: number }
  alerts: {
    id: Generated<number>
    kind: string
    node: string | null
    level: string
    message: string
    since: number
    resolved_at: number | null
  }
}

const first = ({ text, time, number, counted }: ColumnTypes): Migration => ({
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('nodes')
      .addColumn('name', text, (column) => column.primaryKey())
      .addColumn('mac', text, (column) => column.notNull().unique())
      .addColumn('model', text, (column) => column.notNull())
      .addColumn('virtual', 'integer', (column) => column.notNull())
      .addColumn('address', text, (column) => column.notNull().unique())
      .addColumn('image', text, (column) => column.notNull())
      .addColumn('settings', text, (column) => column.notNull())
      .addColumn('created_at', time, (column) => column.notNull())
      .execute()
    const ofNode = (table: string) =>
      db.schema
        .createTable(table)
        .addColumn('node', text, (column) =>
          column.notNull().references('nodes.name').onDelete('cascade').onUpdate('cascade'),
        )
    await ofNode('statuses')
      .addColumn('status', text, (column) => column.notNull())
      .addPrimaryKeyConstraint('statuses_key', ['node'])
      .execute()
    await ofNode('history')
      .addColumn('id', number, (column) => counted(column.primaryKey()))
      .addColumn('at', time, (column) => column.notNull())
      .addColumn('state', text, (column) => column.notNull())
      .addColumn('boot_id', text)
      .addColumn('cause', text)
      .execute()
    await db.schema.createIndex('history_of_node').on('history').columns(['node', 'id']).execute()
    await ofNode('tickets')
      .addColumn('boot_id', text, (column) => column.notNull())
      .addColumn('token', text, (column) => column.notNull())
      .addColumn('image', text, (column) => column.notNull())
      .addColumn('started_at', time, (column) => column.notNull())
      .addPrimaryKeyConstraint('tickets_key', ['node'])
      .execute()
    await ofNode('latest')
      .addColumn('kind', text, (column) => column.notNull())
      .addColumn('report', text, (column) => column.notNull())
      .addPrimaryKeyConstraint('latest_key', ['node', 'kind'])
      .execute()
    await ofNode('logs')
      .addColumn('id', number, (column) => counted(column.primaryKey()))
      .addColumn('at', time, (column) => column.notNull())
      .addColumn('level', text, (column) => column.notNull())
      .addColumn('message', text, (column) => column.notNull())
      .execute()
    await db.schema.createIndex('logs_of_node').on('logs').columns(['node', 'id']).execute()
  },
})

const devices = ({ text }: ColumnTypes): Migration => ({
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('devices')
      .addColumn('name', text, (column) => column.primaryKey())
      .addColumn('type', text, (column) => column.notNull())
      .addColumn('address', text, (column) => column.notNull())
      .addColumn('settings', text, (column) => column.notNull())
      .execute()
    await db.schema.alterTable('tickets').addColumn('settings', text).execute()
  },
})

const monitoring = ({ text, time, number, counted }: ColumnTypes): Migration => ({
  async up(db: Kysely<unknown>) {
    const ofNode = (table: string) =>
      db.schema
        .createTable(table)
        .addColumn('node', text, (column) =>
          column.notNull().references('nodes.name').onDelete('cascade').onUpdate('cascade'),
        )
    const numbered = (table: string) =>
      db.schema.createTable(table).addColumn('id', number, (column) => counted(column.primaryKey()))
    await ofNode('samples')
      .addColumn('step_ms', 'integer', (column) => column.notNull())
      .addColumn('at', time, (column) => column.notNull())
      .addColumn('data', text, (column) => column.notNull())
      .addPrimaryKeyConstraint('samples_key', ['node', 'step_ms', 'at'])
      .execute()
    await db.schema.createIndex('samples_by_age').on('samples').columns(['step_ms', 'at']).execute()
    await ofNode('boots')
      .addColumn('boot_id', text, (column) => column.notNull())
      .addColumn('image', text, (column) => column.notNull())
      .addColumn('started_at', time, (column) => column.notNull())
      .addColumn('booted_at', time)
      .addColumn('report', text)
      .addPrimaryKeyConstraint('boots_key', ['node', 'boot_id'])
      .execute()
    await numbered('log_lines')
      .addColumn('at', time, (column) => column.notNull())
      .addColumn('issuer', text, (column) => column.notNull())
      .addColumn('stream', text, (column) => column.notNull())
      .addColumn('level', text, (column) => column.notNull())
      .addColumn('message', text, (column) => column.notNull())
      .execute()
    await db.schema.createIndex('log_lines_by_age').on('log_lines').column('at').execute()
    await db.schema
      .createIndex('log_lines_of_issuer')
      .on('log_lines')
      .columns(['issuer', 'stream', 'id'])
      .execute()
    await sql`insert into log_lines (at, issuer, stream, level, message)
      select at, node, 'agent', level, message from logs order by id`.execute(db)
    await db.schema.dropTable('logs').execute()
    // Kept in memory now.
    await sql`delete from latest where kind = 'telemetry'`.execute(db)
    await db.schema
      .createTable('checkpoints')
      .addColumn('name', text, (column) => column.primaryKey())
      .addColumn('at', time, (column) => column.notNull())
      .execute()
    await numbered('alerts')
      .addColumn('kind', text, (column) => column.notNull())
      .addColumn('node', text, (column) =>
        column.references('nodes.name').onDelete('cascade').onUpdate('cascade'),
      )
      .addColumn('level', text, (column) => column.notNull())
      .addColumn('message', text, (column) => column.notNull())
      .addColumn('since', time, (column) => column.notNull())
      .addColumn('resolved_at', time)
      .execute()
    await db.schema.createIndex('alerts_by_end').on('alerts').column('resolved_at').execute()
  },
})

export function migrationsFor(types: ColumnTypes): Record<string, Migration> {
  return {
    '001-first': first(types),
    '002-devices': devices(types),
    '003-monitoring': monitoring(types),
  }
}
