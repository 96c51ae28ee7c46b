/** The store in one SQLite file, by kysely over node:sqlite. */
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from 'node:sqlite'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { Kysely, Migrator, type SqliteDatabase, SqliteDialect } from 'kysely'
import { type ColumnTypes, type Database, migrationsFor } from './migrations.ts'
import { createSqlStore } from './sql-store.ts'
import type { Store } from './store.ts'

const columnTypes: ColumnTypes = {
  text: 'text',
  time: 'integer',
  number: 'integer',
  counted: (column) => column.autoIncrement(),
}

/**
 * Opens the file, making or upgrading it as needed.
 * @throws WaltError `store-unusable`
 */
export async function openSqliteStore(file: string): Promise<Store> {
  let database: DatabaseSync
  try {
    database = new DatabaseSync(file, { timeout: limits.storeBusyMs, enableForeignKeyConstraints: true })
    // WAL survives a kill at any moment; a power cut may lose the last seconds, which nodes report again.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  } catch (cause) {
    throw unusable(file, cause)
  }
  const db = new Kysely<Database>({ dialect: new SqliteDialect({ database: forKysely(database) }) })
  const migrations = migrationsFor(columnTypes)
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) {
    await db.destroy()
    throw unusable(file, error)
  }
  return { ...createSqlStore(db), problems: () => [], close: () => db.destroy() }
}

function unusable(file: string, cause: unknown): WaltError {
  return new WaltError(
    'store-unusable',
    `The database ${file} cannot be used: ${reasonOf(cause)}. It may be of a newer version, damaged, or not writable.`,
    { cause },
  )
}

/** What kysely's SQLite dialect asks of a driver, which is the interface of better-sqlite3. */
function forKysely(database: DatabaseSync): SqliteDatabase {
  /** The newest last: preparing a statement costs more than running it, and there are few that differ. */
  const prepared = new Map<string, ReturnType<SqliteDatabase['prepare']>>()
  return {
    close: () => database.close(),
    prepare(sql) {
      const known = prepared.get(sql)
      if (known) return known
      const statement = database.prepare(sql)
      // Otherwise one time of more than 2^53 ms, which a node may send, failed whoever reads the rows around it.
      statement.setReadBigInts(true)
      const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[]
      const made = {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...values(parameters)).map(withNumbers),
        run: (parameters) => statement.run(...values(parameters)),
        iterate: (parameters) => statement.iterate(...values(parameters)).map(withNumbers),
      } satisfies ReturnType<SqliteDatabase['prepare']>
      const [oldest] = prepared.size >= limits.storeStatementsMax ? prepared.keys() : []
      if (oldest !== undefined) prepared.delete(oldest)
      prepared.set(sql, made)
      return made
    },
  }
}

function withNumbers(row: Record<string, SQLOutputValue>): Record<string, SQLOutputValue> {
  for (const [name, value] of Object.entries(row)) if (typeof value === 'bigint') row[name] = Number(value)
  return row
}
