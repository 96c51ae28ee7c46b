/** The store in a PostgreSQL database, by kysely over pg. */
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { Kysely, Migrator, PostgresDialect, type PostgresPool, type PostgresPoolClient, sql } from 'kysely'
import { Client, type ClientConfig, Pool, type PoolClient, types } from 'pg'
import type { Log } from '../log.ts'
import { type ColumnTypes, type Database, migrationsFor } from './migrations.ts'
import {
  explainPostgresqlError,
  isConnectionLost,
  isEndedByDatabase,
  wholeReasonOf,
} from './postgresql-errors.ts'
import { createPostgresqlWatch, type PostgresqlWatch } from './postgresql-watch.ts'
import { createSqlStore } from './sql-store.ts'
import type { Store } from './store.ts'

const columnTypes: ColumnTypes = {
  text: sql`text collate "C"`,
  // A JavaScript number, whatever it is.
  time: 'double precision',
  number: 'bigint',
  counted: (column) => column.generatedAlwaysAsIdentity(),
}

/**
 * Opens the database, making or upgrading its tables as needed.
 * @throws WaltError `store-unreachable`, `store-refused`, `store-missing`, `store-in-use`, `store-unusable`
 */
export async function openPostgresqlStore(
  url: string,
  options: { now: () => number; log: Log },
): Promise<Store> {
  const settings: ClientConfig = {
    connectionString: url,
    application_name: 'walt-server',
    connectionTimeoutMillis: limits.storeConnectMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: limits.storeKeepaliveSeconds * 1000,
    types: { getTypeParser: typeParser },
  }
  const place = placeOf(settings)
  const watch = createPostgresqlWatch({
    newClient: () => new Client({ ...settings, query_timeout: limits.storeLookAnswerMs }),
    place,
    ...options,
  })
  await watch.start()
  const pool = new Pool({
    ...settings,
    query_timeout: limits.storeStatementMs,
    max: limits.storeConnectionsMax,
  })
  // One that breaks while nothing is asked: the pool drops it, and the watch sees why.
  const suspect = () => void watch.look()
  pool.on('error', suspect)
  pool.on('connect', (client) => client.on('error', suspect))
  const close = async () => {
    watch.endWaiting()
    await pool.end()
    await watch.stop()
  }
  try {
    await migrate(pool)
  } catch (thrown) {
    await close()
    throw explainPostgresqlError(thrown, place)
  }
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: patientPool(pool, watch, place) }) })
  return { ...createSqlStore(db), problems: watch.problems, close }
}

/** What the database is called, without its password; pg fills in what the URL leaves out. */
function placeOf(settings: ClientConfig): string {
  try {
    const { host, port, database, user } = new Client(settings)
    return `PostgreSQL database "${database ?? ''}" at ${host}:${port} (user ${user ?? ''})`
  } catch (cause) {
    // A certificate that cannot be read, most likely.
    const message = `store.postgresql in the configuration cannot be used: ${wholeReasonOf(cause)}.`
    throw new WaltError('store-unusable', message, { cause })
  }
}

/** In one transaction, on one connection: what breaks half-way leaves nothing. The watch has the lock. */
async function migrate(pool: Pool): Promise<void> {
  const lent: PostgresPool = { connect: async () => lend(await pool.connect()), end: async () => undefined }
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: lent }) })
  const migrations = migrationsFor(columnTypes)
  const { error } = await new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
  }).migrateToLatest()
  if (error !== undefined) throw error
}

function lend(client: PoolClient, run = client.query.bind(client) as unknown): PostgresPoolClient {
  return { query: run as PostgresPoolClient['query'], release: (destroy) => client.release(destroy) }
}

/** Statements of the store, each for itself: they outlive a restart of the database. */
function patientPool(pool: Pool, watch: PostgresqlWatch, place: string): PostgresPool {
  async function connect(): Promise<PoolClient> {
    for (let tries = 1; ; tries++) {
      await watch.ready()
      try {
        return await pool.connect()
      } catch (thrown) {
        if (tries >= limits.storeTriesMax || !isConnectionLost(thrown))
          throw explainPostgresqlError(thrown, place)
        await watch.look()
      }
    }
  }

  return {
    async connect() {
      let client = await connect()
      let broken = false
      async function run(text: string, parameters: readonly unknown[]) {
        const values = parameters.map(storable)
        for (let tries = 1; ; tries++) {
          try {
            return await client.query(text, values)
          } catch (thrown) {
            broken = isConnectionLost(thrown)
            if (!broken) throw thrown
            const again = isEndedByDatabase(thrown) || isRepeatable(text)
            if (tries >= limits.storeTriesMax || !again) throw explainPostgresqlError(thrown, place)
          }
          await watch.look()
          const next = await connect()
          client.release(true)
          client = next
          broken = false
        }
      }
      return {
        query: run as unknown as PostgresPoolClient['query'],
        release: () => client.release(broken),
      }
    },
    // The pool is ended by who made it.
    end: async () => undefined,
  }
}

/** Whether a statement may be done twice: all but those that add a row each time. */
function isRepeatable(text: string): boolean {
  return !text.startsWith('insert') || text.includes('on conflict')
}

/** PostgreSQL has no NUL in a text, which a node may well send. */
function storable(value: unknown): unknown {
  return typeof value === 'string' ? value.replaceAll('\0', '\uFFFD') : value
}

/** pg gives 64-bit integers as texts; ours count rows, and never come near 2^53. */
const typeParser = ((oid: number, format: 'text') =>
  oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser
