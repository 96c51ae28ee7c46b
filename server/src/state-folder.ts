/** The server's state folder: its shape, its lock, its secrets. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { access, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { isAlive, readIdentity, startTimeOf } from './process-stat.ts'

const folders = { images: 0o755, nodes: 0o755, swap: 0o700, db: 0o700, ssh: 0o700, run: 0o700, cache: 0o755 }

/** @throws WaltError `state-unusable` */
export async function makeStateFolder(state: string): Promise<void> {
  try {
    for (const [name, mode] of Object.entries(folders))
      await mkdir(join(state, name), { recursive: true, mode })
  } catch (cause) {
    const advice = 'Run the server as root, or name another folder (state: in the configuration).'
    const message = `The state folder ${state} cannot be written to: ${reasonOf(cause)}. ${advice}`
    throw new WaltError('state-unusable', message, { cause })
  }
}

export const lockFileOf = (state: string) => join(state, 'run/server.lock')

/**
 * Takes the folder for this process; returns how to give it back. The lock is one of the kernel's (flock(2)) on a file that
 * this process has open, so it goes with the process, however that ends, and of two who come at once one gets it.
 * @throws WaltError `state-locked`
 */
export async function lockStateFolder(state: string): Promise<() => void> {
  const path = lockFileOf(state)
  const file = openSync(path, 'a', 0o600)
  try {
    const deadline = performance.now() + limits.stateLockMs
    while (!(await tryLock(file, state))) {
      const holder = await readIdentity(path)
      const held = holder && (await isAlive(holder))
      // Without a server it is one that has yet to write who it is, or the guard (guard.ts), for a while.
      if (held || performance.now() > deadline) {
        const who = held ? ` (process ${holder.pid})` : ''
        const message = `Another walt-server${who} uses the state folder ${state}.`
        throw new WaltError('state-locked', `${message} Stop it, or name another folder.`)
      }
      await wait(limits.lastingPollMs)
    }
    await writeFile(path, `${process.pid} ${await startTimeOf(process.pid)}\n`)
  } catch (thrown) {
    closeSync(file)
    throw thrown
  }
  return () => closeSync(file)
}

/** The program's descriptor 3 is the same open file as `file`, and so is the lock. */
async function tryLock(file: number, state: string): Promise<boolean> {
  const status = await statusOf(spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', file] }))
  if (status === 0 || status === 1) return status === 0
  const message = `The state folder ${state} cannot be locked: flock ended with ${status}. Install util-linux.`
  throw new WaltError('state-unusable', message)
}

async function statusOf(child: ChildProcess): Promise<number | string> {
  return once(child, 'exit').then(
    ([code, signal]) => code ?? signal,
    (thrown) => reasonOf(thrown),
  )
}

/** The secret in a file that only root reads, made at the first start. */
export async function readOrMakeSecret(file: string): Promise<string> {
  try {
    await writeFile(file, `${randomBytes(16).toString('hex')}\n`, { flag: 'wx', mode: 0o600 })
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown
  }
  const secret = (await readFile(file, 'utf8')).trim()
  if (secret.length >= 16) return secret
  throw new WaltError(
    'secret-invalid',
    `${file} holds no secret of at least 16 characters: remove it, and it is made anew.`,
  )
}

/**
 * The key that opens the nodes, made by the first who needs it. Images have its public half.
 * @throws WaltError `ssh-key-missing`
 */
export async function ensureSshKey(state: string): Promise<{ privateKey: string; publicKey: string }> {
  const privateKey = join(state, 'ssh/id_ed25519')
  const publicKey = `${privateKey}.pub`
  const there = await access(privateKey).then(
    () => true,
    () => false,
  )
  if (!there) {
    const words = ['-q', '-t', 'ed25519', '-N', '', '-C', 'walt-server', '-f', privateKey]
    const child = spawn('ssh-keygen', words, { stdio: 'ignore' })
    const status = await statusOf(child)
    if (status !== 0) {
      const message = `ssh-keygen could not make ${privateKey} (${status}). Install openssh-client.`
      throw new WaltError('ssh-key-missing', message)
    }
  }
  return { privateKey, publicKey }
}
