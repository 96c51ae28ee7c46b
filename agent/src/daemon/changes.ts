/**
 * What differs from the image: the entries of the overlay's writable layer (docs.kernel.org/filesystems/overlayfs.html).
 * A deleted name is there as a character device 0/0. Directories are not told: one is copied up for each file in it.
 */
import type { Stats } from 'node:fs'
import { lstat, opendir, stat } from 'node:fs/promises'
import type { BootReport } from '@walt/shared/boot-report'
import { limits } from '@walt/shared/limits'
import type { NodeChanges } from '@walt/shared/payloads'

type Group = NodeChanges['changed']
type Change = Group['largest'][number]

/** Where a system writes by itself while nobody works on it. */
const bookkeeping = [
  '/var/log/',
  '/var/cache/',
  '/var/lib/systemd/',
  '/var/lib/logrotate/',
  '/var/lib/apt/',
  '/var/tmp/systemd-private-',
]

/** The writable layer of this boot: in RAM, or on the disk of a hybrid mode. */
export function upperFolder({ disk }: Pick<BootReport, 'disk'>, runFolder: string): string {
  return disk ? `${disk.folder}/diff` : `${runFolder}/walt/tmpfs/upper`
}

/** `readyPath` was written when the node was booted: what is newer was changed since. */
export async function listChanges(options: {
  upper: string
  readyPath: string
  nowMs: () => number
}): Promise<NodeChanges> {
  const { upper, readyPath, nowMs } = options
  const bootedAt = await stat(readyPath).then(
    (ready) => ready.mtimeMs,
    () => Number.POSITIVE_INFINITY,
  )
  const changes: NodeChanges = { changed: emptyGroup(), system: emptyGroup(), complete: true }
  const end = nowMs() + limits.changesLookMs
  const pending = ['']
  let seen = 0
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for await (const entry of await opendir(`${upper}${folder}/`)) {
      seen += 1
      if (seen > limits.changesSeenMax || nowMs() > end) return { ...changes, complete: false }
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) {
        pending.push(path)
        continue
      }
      const found = await lstat(`${upper}${path}`).catch(ifGone)
      if (!found) continue
      const bySystem = found.ctimeMs <= bootedAt || bookkeeping.some((start) => path.startsWith(start))
      add(bySystem ? changes.system : changes.changed, changeOf(path, found))
    }
  }
  return changes
}

function emptyGroup(): Group {
  return { count: 0, bytes: 0, largest: [] }
}

/** Files come and go while they are looked at. */
function ifGone(thrown: NodeJS.ErrnoException): undefined {
  if (thrown.code !== 'ENOENT') throw thrown
}

function changeOf(path: string, found: Stats): Change {
  const shown = Buffer.byteLength(path) > limits.changesPathMaxBytes ? `...${path.slice(-120)}` : path
  const bytes = found.isFile() ? found.blocks * 512 : 0
  return { path: shown, kind: kindOf(found), bytes }
}

function kindOf(found: Stats): Change['kind'] {
  if (found.isFile()) return 'file'
  if (found.isSymbolicLink()) return 'link'
  return found.isCharacterDevice() && found.rdev === 0 ? 'deleted' : 'other'
}

/** Keeps the list short and in order. */
function add(group: Group, change: Change): void {
  group.count += 1
  group.bytes += change.bytes
  const { largest } = group
  const full = largest.length >= limits.changesListedMax
  if (full && change.bytes <= (largest.at(-1)?.bytes ?? 0)) return
  if (full) largest.pop()
  const place = largest.findIndex((other) => other.bytes < change.bytes)
  largest.splice(place < 0 ? largest.length : place, 0, change)
}
