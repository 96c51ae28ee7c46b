/**
 * A process that goes on when this server is gone, for the next one to take over: a virtual machine, the NFS server.
 *
 * Each has a record, a file. The process writes there who it is before it becomes what it is to be, so there is no
 * moment at which a killed server leaves one behind that nobody knows. And it holds a lock on that file (flock(2)), which all
 * that it starts inherit: the lock is free when the last of them is gone, and the next one of the same record waits for that.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { access, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { isAlive, readIdentity } from './process-stat.ts'
import { runCommand } from './run-command.ts'

export type LastingProcess = {
  readonly pid: number
  /** How it ended. */
  readonly ended: Promise<string>
  /** Kills it and what it has started; returns when they are gone. @throws WaltError `process-stuck` */
  end(): Promise<void>
}

/** $0 the record, then the command. */
const script = `
exec 9>>"$0" || exit 1
flock -w ${limits.lastingEndMs / 1000} 9 || { echo "walt-server: the process before this one has not ended ($0)"; exit 1; }
stat=$(</proc/$$/stat)
read -ra fields <<<"\${stat##*) }"
printf '%s %s\\n' "$$" "\${fields[19]}" >"$0"
exec "$@"
`

export function startLasting(options: {
  record: string
  command: readonly string[]
  environment?: Record<string, string>
  /** A file that gets what it writes. */
  output: string
}): LastingProcess {
  const { record, command, environment, output } = options
  const file = openSync(output, 'a')
  // The head of a group and a session of its own: no signal of a terminal reaches it.
  const child = spawn('bash', ['-c', script, record, ...command], {
    stdio: ['ignore', file, file],
    detached: true,
    env: { ...process.env, ...environment },
  })
  closeSync(file)
  const pid = child.pid ?? 0
  const ended = endOf(child)
  return {
    pid,
    ended,
    async end() {
      if (pid !== 0 && child.exitCode === null && child.signalCode === null) killGroup(pid)
      await ended
      await untilFree(record)
    },
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(reasonOf(error)))
    child.once('exit', (code, signal) => resolve(signal ? `killed by ${signal}` : `status ${code}`))
  })
}

/** The process of this record that an earlier server started, if it goes on. */
export async function adoptLasting(record: string): Promise<LastingProcess | undefined> {
  const deadline = performance.now() + limits.lastingEndMs
  do {
    const identity = await readIdentity(record)
    if (identity && (await isAlive(identity))) return adopted(record, identity)
    if (!(await isLasting(record))) return undefined
    // It has yet to write its record, or it is on its way down.
    await wait(limits.lastingPollMs)
  } while (performance.now() < deadline)
  return undefined
}

function adopted(record: string, identity: { pid: number; startTime: string }): LastingProcess {
  // Somebody else's child: no event tells of its end.
  async function watch(): Promise<string> {
    while (await isAlive(identity)) await wait(limits.lastingPollMs)
    return 'it ended'
  }
  const ended = watch()
  return {
    pid: identity.pid,
    ended,
    async end() {
      if (await isAlive(identity)) killGroup(identity.pid)
      await untilFree(record)
      await ended
    },
  }
}

/** Ends what is recorded in a folder and is not kept. Returns the names of those that lived. */
export async function endLasting(folder: string, kept: ReadonlySet<string>): Promise<string[]> {
  const ended: string[] = []
  for (const name of await lastingIn(folder)) {
    if (kept.has(name)) continue
    await (await adoptLasting(join(folder, name)))?.end()
    ended.push(name)
  }
  return ended
}

/** Names of the processes recorded in a folder that live. */
export async function lastingIn(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const living: string[] = []
  for (const name of await readdir(folder)) if (await isLasting(join(folder, name))) living.push(name)
  return living
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ESRCH')) throw thrown
  }
}

/** Whether something of this record lives. */
export async function isLasting(record: string): Promise<boolean> {
  const there = await access(record).then(
    () => true,
    () => false,
  )
  return there && !(await lockable(record, ['-n']))
}

async function untilFree(record: string): Promise<void> {
  if (await lockable(record, ['-w', String(limits.lastingEndMs / 1000)])) return
  const message = `What ${record} tells of was killed, and has not ended within ${limits.lastingEndMs / 1000} s.`
  throw new WaltError('process-stuck', message)
}

async function lockable(record: string, how: readonly string[]): Promise<boolean> {
  try {
    await runCommand('flock', [...how, record, 'true'])
    return true
  } catch (thrown) {
    if (thrown instanceof WaltError && thrown.code === 'command-failed') return false
    throw thrown
  }
}
