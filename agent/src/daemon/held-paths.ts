import { openSync } from 'node:fs'
import { reasonOf } from '@walt/shared/errors'

/**
 * A path that can be used while the NFS server is dead.
 *
 * Every absolute path, `/proc/meminfo` even, begins with a look-up in the union, and the kernel asks the NFS server
 * whether the name still holds (ovl_dentry_revalidate): with a dead server the caller hangs. So what the daemon needs
 * is opened while it starts, and the process stays in /proc: `self/fd/N` leads there from the working directory
 * without touching the union (proc(5), "magic links"), and opens anew what it leads to.
 */
export type HoldPath = (path: string) => string

export function stayInProc(warn: (message: string) => void): HoldPath {
  process.chdir('/proc')
  return (path) => {
    try {
      return `self/fd/${openSync(path, 'r')}`
    } catch (thrown) {
      warn(`${path} is not there for the daemon: ${reasonOf(thrown)}`)
      return path
    }
  }
}
