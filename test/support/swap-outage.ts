/** Outages of a node's swap: the swap server's process killed again and again, or the node's cable pulled. */
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Platform } from './platform.ts'
import { mustRun } from './run-program.ts'

/** How soon a process that was started anew is killed: it takes longer to listen. */
const lookMs = 20

/** Kills the swap server by SIGKILL, and whatever is started in its place for so long. */
export async function killSwapServer(platform: Platform, awayMs: number): Promise<void> {
  const end = Date.now() + awayMs
  const killed = new Set<number>()
  do {
    for (const pid of await swapServers(platform)) {
      process.kill(pid, 'SIGKILL')
      killed.add(pid)
    }
    await wait(lookMs)
  } while (Date.now() < end)
  if (killed.size === 0) throw new Error('no swap server was there to be killed')
}

async function swapServers(platform: Platform): Promise<number[]> {
  const program = path.join(platform.stateFolder, 'cache/swap-server.mjs')
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name)).map(Number)
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return pids.filter((_, index) => lines[index]?.split('\0').includes(program))
}

/** The bridge's port, not the tap's link: User Mode Linux never uses a tap again that was down. */
const port = { disabled: '0', forwarding: '3' }

/** What the node sends, and what is sent to it, is lost for so long. */
export async function pullCable(platform: Platform, awayMs: number): Promise<void> {
  const inside = ['-n', platform.namespace.name]
  const links: { ifname: string }[] = JSON.parse(
    await mustRun('ip', [...inside, '-json', 'link', 'show', 'type', 'tun']),
  )
  const [tap, ...others] = links.map(({ ifname }) => ifname)
  if (tap === undefined || others.length > 0) throw new Error(`one tap was expected, not ${links.length}`)
  const set = (state: string) => mustRun('bridge', [...inside, 'link', 'set', 'dev', tap, 'state', state])
  await set(port.disabled)
  await wait(awayMs)
  await set(port.forwarding)
}
