/** What is true of a server that keeps all in PostgreSQL, besides what test/contract/store.test.ts asks of every store. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPostgresqlStore } from '../../server/src/store/postgresql-store.ts'
import type { Store } from '../../server/src/store/store.ts'
import { eventually } from '../support/eventually.ts'
import { startLoopbackServer } from '../support/loopback-server.ts'
import { type Postgresql, startPostgresql } from '../support/postgresql.ts'

let postgresql: Postgresql
const said: string[] = []
const note = (message: string) => void said.push(message)
const log = { info: note, warn: note, error: note }
const open = (url: string) => openPostgresqlStore(url, { now: Date.now, log })
const checkpointsOf = async (store: Store) => (await store.checkpoints()).map(({ name }) => name)

async function locksOn(database: string): Promise<number> {
  const where = `locktype = 'advisory' and granted and datname = '${database}'`
  return (
    await postgresql.query(`select 1 from pg_locks join pg_database d on database = d.oid where ${where}`)
  ).length
}

beforeAll(async () => {
  postgresql = await startPostgresql()
})
afterAll(() => postgresql.end())

async function refusal(url: string): Promise<{ code: string; message: string }> {
  const opened = open(url)
  await expect(opened).rejects.toThrow()
  const { code, message } = await opened.catch((thrown) => thrown)
  for (const secret of ['secret', 'wrong-word']) expect(message).not.toContain(secret)
  return { code, message }
}

describe('a database that cannot be used', () => {
  test('is told from one that is missing, that refuses, that is not there', async () => {
    const missing = await refusal(postgresql.urlOf('nowhere'))
    expect(missing).toMatchObject({ code: 'store-missing' })
    expect(missing.message).toMatch(/"nowhere" at \S+ \(user walt\) does not exist: .*createdb/)
    const wrong = await refusal(postgresql.urlOf('postgres', { password: 'wrong-word' }))
    expect(wrong).toMatchObject({ code: 'store-refused' })
    expect(wrong.message).toContain('password authentication failed for user "walt"')
    const none = await refusal(postgresql.urlOf('postgres').replace(/:[^:@]*@/, '@'))
    expect(none).toMatchObject({ code: 'store-refused' })
    const away = await refusal('postgres://walt:secret@localhost:1/walt')
    expect(away).toMatchObject({ code: 'store-unreachable' })
    expect(away.message).toMatch(/"walt" at localhost:1 \(user walt\) cannot be reached: .*ECONNREFUSED/)
    const certificate = await refusal(`${postgresql.urlOf('postgres')}&sslrootcert=/nowhere`)
    expect(certificate.message).toContain('/nowhere')
    const plain = await refusal(`${postgresql.urlOf('postgres')}&sslmode=verify-full`)
    expect(plain.message).toMatch(/cannot be trusted: .*SSL.*sslmode/)
  })

  test('says so when its user may not make tables', async () => {
    await postgresql.query("create role guest login password 'secret-too'")
    await postgresql.createDatabase('guarded')
    const url = postgresql.urlOf('guarded', { user: 'guest', password: 'secret-too' })
    expect(await refusal(url)).toMatchObject({ code: 'store-refused' })
  })

  test('is not taken when its tables are of a newer version', async () => {
    const url = await postgresql.createDatabase('newer')
    await (await open(url)).close()
    await postgresql.query("insert into kysely_migration values ('999-later', now()::text)", 'newer')
    const { code, message } = await refusal(url)
    expect(code).toBe('store-unusable')
    expect(message).toContain('newer version')
  })
})

test('of servers that come at once one has the database, and the next when that one has left', async () => {
  const url = await postgresql.createDatabase('shared')
  const opened = await Promise.allSettled([open(url), open(url), open(url)])
  const stores = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  expect(stores).toHaveLength(1)
  for (const one of opened)
    if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'store-in-use' })
  await stores[0]?.putCheckpoint({ name: 'a', at: 1 })
  await stores[0]?.close()
  const next = await open(url)
  expect(await checkpointsOf(next)).toEqual(['a'])
  await next.close()
})

describe('a restart of the database', () => {
  test.each(['SIGINT', 'SIGQUIT'] as const)('after %s is waited for by what is stored', async (signal) => {
    const store = await open(await postgresql.createDatabase(`restarted-${signal}`))
    // Several connections, each of which breaks.
    await Promise.all(['a', 'b', 'c'].map((name, at) => store.putCheckpoint({ name, at })))
    await postgresql.stop(signal)
    await eventually('the end is seen', 5_000, () => store.problems().length > 0, 20)
    const written = store.putCheckpoint({ name: 'd', at: 4 })
    const read = checkpointsOf(store)
    await postgresql.start()
    await written
    expect((await read).slice(0, 3)).toEqual(['a', 'b', 'c'])
    expect(store.problems()).toEqual([])
    expect(await checkpointsOf(store)).toEqual(['a', 'b', 'c', 'd'])
    // It is this server's again.
    expect(await locksOn(`restarted-${signal}`)).toBe(1)
    await store.close()
  })

  test('loses nothing that is written all the while', async () => {
    const store = await open(await postgresql.createDatabase('busy'))
    const names: string[] = []
    const until = { over: false }
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let count = 0; !until.over; count++) {
        const name = `${writer}-${count}`
        await store.putCheckpoint({ name, at: 0 })
        names.push(name)
      }
    })
    await eventually('some are written', 5_000, () => names.length > 20, 20)
    await postgresql.stop()
    await postgresql.start()
    const before = names.length
    await eventually('more are written', 10_000, () => names.length > before + 20, 20)
    until.over = true
    await Promise.all(writers)
    expect(new Set(await checkpointsOf(store))).toEqual(new Set(names))
    await store.close()
  })

  test('ends what waits when the server stops meanwhile', async () => {
    const store = await open(await postgresql.createDatabase('left'))
    await postgresql.stop()
    await eventually('the end is seen', 5_000, () => store.problems().length > 0, 20)
    const written = store.putCheckpoint({ name: 'a', at: 1 })
    const refused = expect(written).rejects.toMatchObject({ code: 'store-unreachable' })
    await store.close()
    await refused
    await postgresql.start()
  })

  test('is told by the log, without the password', () => {
    expect(said.some((line) => /is away: .*What is to be stored waits/.test(line))).toBe(true)
    expect(said.some((line) => /is back after [0-9]+ s/.test(line))).toBe(true)
    expect(said.filter((line) => line.includes('secret'))).toEqual([])
  })
})

test('a whole server keeps its nodes there, and is not ready while the database is away', async () => {
  const server = await startLoopbackServer({ postgresql: await postgresql.createDatabase('whole') })
  try {
    expect((await server.createNode('n1', 1)).status).toBe(201)
    const ready = () => server.tcp('GET', '/readyz', '127.0.0.1')
    expect((await ready()).body).toBe('ready\n')
    await postgresql.stop()
    const told = await eventually('it is not ready', 5_000, async () => {
      const answer = await ready()
      return answer.status === 503 && answer.body
    })
    expect(told).toMatch(/^not ready: the database is away since 20/)
    expect((await server.api('GET', 'nodes')).status).toBe(200)
    const created = server.createNode('n2', 2)
    await postgresql.start()
    expect((await created).status).toBe(201)
    expect((await ready()).body).toBe('ready\n')
    await server.stop()
    await server.start()
    const names = (await server.api('GET', 'nodes')).body
    for (const name of ['n1', 'n2']) expect(names).toContain(`"${name}"`)
  } finally {
    await server.end()
  }
})
