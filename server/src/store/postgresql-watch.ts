/**
 * One session with the database that does nothing but be there. It holds an advisory lock, so that two servers never
 * write into one database, nor migrate it at once; and it is asked now and then, so that it is known when the database
 * is away. Then statements wait for it to come back, but not for ever: a restart of the database is outlived, and a
 * longer absence fails what is asked, in place of letting it pile up.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Client } from 'pg'
import type { Log } from '../log.ts'
import { explainPostgresqlError, wholeReasonOf } from './postgresql-errors.ts'

export type PostgresqlWatch = {
  /** @throws WaltError `store-...` */
  start(): Promise<void>
  /** When the database is there. @throws WaltError `store-unreachable` when it has been away for long */
  ready(): Promise<void>
  /** Looks now. */
  look(): Promise<void>
  /** Without names: anybody may read it. */
  problems(): string[]
  /** Lets nobody wait any longer. */
  endWaiting(): void
  stop(): Promise<void>
}

/** "walt", one lock a database (pg_advisory_lock). */
const lockId = 0x77_61_6c_74

export function createPostgresqlWatch(options: {
  newClient: () => Client
  place: string
  now: () => number
  log: Log
}): PostgresqlWatch {
  const { newClient, place, now, log } = options
  let session: Client | undefined
  let away: Absence | undefined
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined
  let ended = false

  async function connect(): Promise<Client> {
    const client = newClient()
    client.on('error', (thrown) => lost(client, thrown))
    client.on('end', () => lost(client, new Error('the connection was closed')))
    try {
      await client.connect()
      await takeLock(client, place)
      return client
    } catch (thrown) {
      discard(client)
      throw explainPostgresqlError(thrown, place)
    }
  }

  function discard(client: Client): void {
    client.end().catch((thrown) => log.warn(`The ${place}: a connection did not end: ${reasonOf(thrown)}`))
  }

  function lost(client: Client, thrown: unknown): void {
    if (client !== session || ended) return
    session = undefined
    discard(client)
    away = beginAbsence(now(), explainPostgresqlError(thrown, place))
    log.error(
      `The ${place} is away: ${wholeReasonOf(thrown)}. What is to be stored waits for it, up to ${limits.storeAwayMs / 1000} s.`,
    )
    lookIn(limits.storeRetryMs)
  }

  function lookIn(milliseconds: number): void {
    clearTimeout(timer)
    if (!ended) timer = setTimeout(() => void look(), milliseconds)
  }

  function look(): Promise<void> {
    looking ??= lookOnce().finally(() => {
      looking = undefined
      lookIn(away ? limits.storeRetryMs : limits.storeLookMs)
    })
    return looking
  }

  async function lookOnce(): Promise<void> {
    const asked = session
    if (asked) await asked.query('select 1').catch((thrown) => lost(asked, thrown))
    if (session || ended || !away) return
    const absence = away
    try {
      const client = await connect()
      if (ended) return discard(client)
      session = client
      away = undefined
      absence.end()
      log.info(`The ${place} is back after ${Math.round((now() - absence.since) / 1000)} s.`)
    } catch (thrown) {
      absence.reason = explainPostgresqlError(thrown, place)
    }
  }

  return {
    async start() {
      session = await connect()
      lookIn(limits.storeLookMs)
    },
    async ready() {
      await away?.over
    },
    look,
    problems: () => (away ? [`the database is away since ${new Date(away.since).toISOString()}`] : []),
    endWaiting() {
      ended = true
      clearTimeout(timer)
      away?.giveUp()
    },
    async stop() {
      await looking
      await session?.end()
    },
  }
}

type Absence = {
  since: number
  reason: WaltError
  /** Fulfilled by `end`, refused when it takes too long, or by `giveUp`. */
  over: Promise<void>
  end(): void
  giveUp(): void
}

function beginAbsence(since: number, reason: WaltError): Absence {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // Nobody may be waiting.
  promise.catch(() => undefined)
  const giveUp = () => reject(absence.reason)
  const timer = setTimeout(giveUp, limits.storeAwayMs)
  const absence: Absence = {
    since,
    reason,
    over: promise,
    end() {
      clearTimeout(timer)
      resolve()
    },
    giveUp() {
      clearTimeout(timer)
      giveUp()
    },
  }
  return absence
}

/** A server that has just ended may have it still for a moment. */
async function takeLock(client: Client, place: string): Promise<void> {
  // The database would hold it for hours for a server whose machine lost its power; Unix sockets have no such setting.
  const [idle, count] = [limits.storeKeepaliveSeconds, limits.storeKeepaliveProbesMax]
  await client.query(
    `set tcp_keepalives_idle = ${idle}; set tcp_keepalives_interval = ${idle}; set tcp_keepalives_count = ${count}`,
  )
  const deadline = performance.now() + limits.storeLockMs
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [
      lockId,
    ])
    if (rows[0]?.taken) return
    if (performance.now() > deadline) break
    await wait(limits.storeLockPollMs)
  }
  throw new WaltError(
    'store-in-use',
    `Another walt-server uses the ${place}. Stop it, or give each server a database of its own.`,
  )
}
