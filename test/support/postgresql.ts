/** A PostgreSQL server of a test's own, on a Unix socket, with all of it in one folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { eventually } from './eventually.ts'
import { mustRun } from './run-program.ts'

export type Postgresql = {
  /** Of an empty database of this name, made where it is missing. */
  createDatabase(name: string): Promise<string>
  /** Of a database; with other words in place of the password, or of the user. */
  urlOf(database: string, changes?: { password?: string; user?: string }): string
  /** As the database's administrator. */
  query(text: string, database?: string): Promise<Record<string, unknown>[]>
  start(): Promise<void>
  /** As its service does it: connections are ended (SIGINT, "fast shutdown"); or as a crash (SIGQUIT). */
  stop(signal?: 'SIGINT' | 'SIGQUIT'): Promise<void>
  end(): Promise<void>
}

const password = 'secret-of-the-database'

export async function startPostgresql(): Promise<Postgresql> {
  const programs = await programsFolder()
  // PostgreSQL refuses to run as root.
  const root = process.geteuid?.() === 0
  const asUser = root ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : ['setpriv']
  const run = (command: string, ...args: string[]) => {
    const [first = '', ...words] = [...asUser, '--', command, ...args]
    return mustRun(first, words)
  }
  const folder = (await run('mktemp', '-d', '/tmp/walt-postgresql-XXXXXX')).trim()
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, password, { mode: 0o644 })
  await run(
    join(programs, 'initdb'),
    ...['--pgdata', join(folder, 'data'), '--username', 'walt', '--pwfile', passwordFile],
    ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C.UTF-8', '--no-sync'],
  )
  let server: ChildProcess | undefined

  async function start(): Promise<void> {
    const settings = [
      ...['listen_addresses=', `unix_socket_directories=${folder}`],
      ...['fsync=off', 'shared_buffers=16MB', 'max_connections=40', 'logging_collector=off'],
    ].flatMap((setting) => ['-c', setting])
    const [first = '', ...words] = [...asUser, '--pdeathsig', 'KILL', '--', join(programs, 'postgres')]
    const child = spawn(first, [...words, '-D', join(folder, 'data'), ...settings], { stdio: 'ignore' })
    server = child
    await eventually('the start of PostgreSQL', 20_000, () => query('select 1'), 50)
  }

  async function stop(signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): Promise<void> {
    const child = server
    server = undefined
    if (!child || child.exitCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  async function query(text: string, database = 'postgres'): Promise<Record<string, unknown>[]> {
    const client = new Client({ host: folder, user: 'walt', password, database })
    // It may be ended together with the server.
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(text)).rows
    } finally {
      await client.end()
    }
  }

  const urlOf = (database: string, changes: { password?: string; user?: string } = {}) => {
    const { user, password: given } = { user: 'walt', password, ...changes }
    return `postgres://${user}:${given}@localhost/${database}?host=${folder}`
  }

  await start()
  return {
    ...{ start, stop, query, urlOf },
    async createDatabase(name) {
      const there = await query(`select 1 from pg_database where datname = '${name}'`)
      if (there.length === 0) await query(`create database "${name}"`)
      return urlOf(name)
    },
    async end() {
      await stop()
      await rm(folder, { recursive: true })
    },
  }
}

/** Debian has them outside of the path, by version: the newest. */
async function programsFolder(): Promise<string> {
  const base = '/usr/lib/postgresql'
  const newest = (await readdir(base)).toSorted((one, other) => Number(other) - Number(one))[0]
  if (newest === undefined) throw new Error(`no PostgreSQL in ${base}`)
  return join(base, newest, 'bin')
}
