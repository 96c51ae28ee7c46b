/** What the kernel tells of a process of this machine (proc(5), /proc/PID/stat). */
import { readFile } from 'node:fs/promises'

/** A process id is used again; the id and the start time (in ticks since this machine was booted) together are not. */
export type ProcessIdentity = { pid: number; startTime: string }

/** Undefined when there is no such process, or only its remains, which somebody has yet to reap. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined
    throw error
  })
  // The second field, the name, may hold anything; it ends with the last parenthesis.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? undefined : fields?.[19]
}

export async function isAlive({ pid, startTime }: ProcessIdentity): Promise<boolean> {
  return (await startTimeOf(pid)) === startTime
}

/** The identity in a file that holds `PID START-TIME` and a line feed; undefined where there is none, or half of one. */
export async function readIdentity(file: string): Promise<ProcessIdentity | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const [, pid, startTime] = /^([1-9][0-9]*) ([0-9]+)\n$/.exec(text) ?? []
  return pid === undefined || startTime === undefined ? undefined : { pid: Number(pid), startTime }
}
