import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

export type LookupAnswer = 'answered' | 'slow' | 'stale'

export type ImageLookup = {
  /** Opens the file anew, by its name and by what is behind it; in time in any case. One call at a time. */
  ask(): Promise<LookupAnswer>
  stop(): void
}

/**
 * Whether the image is still the one that was mounted. Opening a file asks the server of it each time (close-to-open, nfs(5)),
 * which answers "stale file handle" (ESTALE; RFC 1813, 2.6) for what was removed; where a folder above it was removed, the
 * kernel looks again, and finds nothing. Such a call may hang, so that a small shell is the caller; it is started while all
 * is well, since starting a program needs the image too.
 */
export function createImageLookup(options: {
  /** Where the image is mounted, and a file in it that is always there. */
  image: string
  file: string
  withinMs: number
  warn: (message: string) => void
}): ImageLookup {
  const { image, file, withinMs, warn } = options
  const child = spawn('/bin/sh', ['-c', script, image, file], {
    stdio: ['pipe', 'pipe', 'ignore'],
    cwd: '/',
    env: { LC_ALL: 'C' },
  })
  let ended: LookupAnswer | undefined
  let stopped = false
  let pending: Promise<LookupAnswer> | undefined

  function end(why: string): void {
    if (ended || stopped) return
    // A page of the shell itself that can no longer be read is told by SIGBUS.
    ended = why === 'SIGBUS' ? 'stale' : 'answered'
    warn(`${image} cannot be watched any more: the shell that does has ended (${why})`)
  }
  child.once('exit', (status, signal) => end(signal ?? `status ${status}`))
  child.once('error', (error) => end(error.message))
  child.stdin.on('error', (error) => end(error.message))
  child.stdout.setEncoding('utf8')

  return {
    async ask() {
      if (ended) return ended
      pending ??= begin(child)
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), withinMs)
      })
      const answer = await Promise.race([pending, late])
      clearTimeout(timer)
      // The next question waits for the same answer.
      if (answer === 'late') return ended ?? 'slow'
      pending = undefined
      return ended ?? answer
    },
    stop() {
      stopped = true
      child.stdin.end()
    },
  }
}

/** `true <FILE` only opens it; the shell says why it could not. */
const script = `
exec 2>&1
cd "$0" || exit 1
exec 3<"$1" || exit 1
while read -r _; do
  true <"$1"
  true </proc/self/fd/3
  echo end
done`

/** Pure: dash, bash and busybox end their line with what strerror(3) says, dash with a short form of its own. */
export function saysGone(said: string): boolean {
  return /: (?:stale (?:nfs )?file handle|no such file(?: or directory)?)$/im.test(said)
}

function begin(child: ChildProcessByStdio<Writable, Readable, null>): Promise<LookupAnswer> {
  return new Promise((resolve) => {
    let said = ''
    function settle(): void {
      child.stdout.off('data', hear)
      child.off('exit', settle)
      resolve(saysGone(said) ? 'stale' : 'answered')
    }
    function hear(text: string): void {
      said += text
      if (/^end$/m.test(said)) settle()
    }
    child.stdout.on('data', hear)
    child.once('exit', settle)
    child.stdin.write('\n')
  })
}
