/** What can become of the NFS server of a platform: nfs-ganesha, in the platform's network namespace. */
import { readdir, readFile, stat } from 'node:fs/promises'
import type { Platform } from './platform.ts'

/** Looked for in /proc, not by a program: one that is started anew must not get as far as to listen. */
const everyMs = 20

const allProcesses = async () => (await readdir('/proc')).filter((name) => /^\d+$/.test(name))

async function serverProcesses(
  platform: Platform,
  ignored: ReadonlySet<string> = new Set(),
): Promise<number[]> {
  const { ino } = await stat(`/run/netns/${platform.namespace.name}`)
  const found: number[] = []
  for (const pid of await allProcesses()) {
    if (ignored.has(pid)) continue
    // Processes come and go.
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
    if (!name.startsWith('ganesha')) continue
    const network = await stat(`/proc/${pid}/ns/net`).catch(() => undefined)
    if (network?.ino === ino) found.push(Number(pid))
  }
  return found
}

async function signal(
  platform: Platform,
  name: NodeJS.Signals,
  ignored?: ReadonlySet<string>,
): Promise<void> {
  for (const pid of await serverProcesses(platform, ignored)) {
    try {
      process.kill(pid, name)
    } catch (thrown) {
      // It has ended meanwhile.
      if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown
    }
  }
}

/** Kills it, and each that walt-server starts in its place before it listens, until the returned function is called. */
export function keepNfsDown(platform: Platform): () => Promise<void> {
  let over = false
  async function keepDown(): Promise<void> {
    await signal(platform, 'SIGKILL')
    // What is there now is none: only what comes from now on is looked at, so often.
    const others = new Set(await allProcesses())
    while (!over) {
      await signal(platform, 'SIGKILL', others)
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
  }
  const ended = keepDown()
  return () => {
    over = true
    return ended
  }
}

/** It takes connections, and answers nothing, until the returned function is called. */
export async function freezeNfs(platform: Platform): Promise<() => Promise<void>> {
  await signal(platform, 'SIGSTOP')
  return () => signal(platform, 'SIGCONT')
}
