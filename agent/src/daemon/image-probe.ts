import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { limits } from '@walt/shared/limits'

/** `unanswered`: the NFS server did not say in time. */
export type Presence = 'absent' | 'executable' | 'not-executable' | 'unanswered'

/** Looks for a program of the image. Off the main thread and with a time limit, since the NFS server may be dead. */
export function probeProgram(path: string, timeoutMs: number = limits.imageProbeMs): Promise<Presence> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve('unanswered'), timeoutMs)
    look(path)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}

async function look(path: string): Promise<Presence> {
  try {
    if (!(await stat(path)).isFile()) return 'not-executable'
    await access(path, constants.X_OK)
    return 'executable'
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'absent'
    // EACCES, ESTALE, EIO: something is there that cannot be run.
    return 'not-executable'
  }
}
