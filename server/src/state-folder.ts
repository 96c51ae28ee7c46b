/** The server's state folder: its shape, its lock, its secrets. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { reasonOf, WaltError } from '@walt/shared/errors'

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

/**
 * Takes the folder for this process; returns how to give it back. The lock of a server that was killed is void: its
 * process is gone, or has another start time (proc(5), field 22 of stat).
 * @throws WaltError `state-locked`
 */
export async function lockStateFolder(state: string): Promise<() => Promise<void>> {
  const file = join(state, 'run/server.lock')
  const own = `${process.pid} ${await startTimeOf(process.pid)}`
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await writeFile(file, own, { flag: 'wx', mode: 0o600 })
      return () => rm(file, { force: true })
    } catch (thrown) {
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown
    }
    const [pid = '', startTime] = (await readFile(file, 'utf8')).split(' ')
    if (startTime !== undefined && (await startTimeOf(Number(pid))) === startTime) {
      const message = `Another walt-server (process ${pid}) uses the state folder ${state}. Stop it, or name another folder.`
      throw new WaltError('state-locked', message)
    }
    await rm(file, { force: true })
  }
  throw new WaltError('state-locked', `Another walt-server is being started on the state folder ${state}.`)
}

async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined
    throw error
  })
  // The second field, the name, may hold anything; it ends with the last parenthesis.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
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
    const status = await once(child, 'exit').then(
      ([code]) => code,
      (thrown) => reasonOf(thrown),
    )
    if (status !== 0) {
      const message = `ssh-keygen could not make ${privateKey} (${status}). Install openssh-client.`
      throw new WaltError('ssh-key-missing', message)
    }
  }
  return { privateKey, publicKey }
}
