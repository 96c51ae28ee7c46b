import { spawn } from 'node:child_process'
import { WaltError } from '@walt/shared/errors'

export type PersistFlusher = {
  /** @throws WaltError `flush-failed`, in time in any case */
  flush: (withinMs: number) => Promise<void>
  stop: () => void
}

/**
 * Flushes a file system on demand, by a small shell that waits for it from now on. Starting anything, or opening a
 * file, at the time of a reboot would hold this process up for as long as the NFS server is dead.
 */
export function createPersistFlusher(path: string): PersistFlusher {
  const script = 'while read -r _; do if sync -f "$0"; then echo done; else echo failed; fi; done'
  const child = spawn('/bin/sh', ['-c', script, path], { stdio: ['pipe', 'pipe', 'inherit'], cwd: '/' })
  let problem = 'it did not answer'
  child.once('error', (error) => {
    problem = error.message
  })
  child.once('exit', () => {
    problem = 'its shell has ended'
  })
  child.stdin.on('error', (error) => {
    problem = error.message
  })
  child.stdout.setEncoding('utf8')

  function flush(withinMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      function settle(failure: string | undefined): void {
        clearTimeout(timer)
        child.stdout.off('data', answered)
        if (failure === undefined) resolve()
        else reject(new WaltError('flush-failed', `${path}: ${failure} (within ${withinMs / 1000} s)`))
      }
      const answered = (answer: string) => settle(answer.startsWith('done') ? undefined : 'sync -f failed')
      const timer = setTimeout(() => settle(problem), withinMs)
      child.stdout.on('data', answered)
      child.stdin.write('\n')
    })
  }

  return { flush, stop: () => child.stdin.end() }
}
