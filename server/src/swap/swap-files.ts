/**
 * All swap files of a folder: one a node and boot, kept while the boot lasts, across reconnects and restarts. A file of
 * an earlier run counts against the quota from the start, and is opened when its node comes back.
 */
import fs from 'node:fs'
import { join } from 'node:path'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { swapGoneMessage } from '@walt/shared/nbd'
import type { SwapBackend } from './backend.ts'
import { openSwapFile, type SwapFile } from './backend-file.ts'
import type { HoleCalls } from './ffi.ts'
import type { Quota } from './quota.ts'
import type { SwapFigures } from './swap-event.ts'

export type SwapOwner = { node: string; bootId: string }

/** The swap of one boot, as its connections share it. */
export type BootSwap = SwapOwner & {
  backend: SwapBackend
  sizeBytes: number
  connections: number
  readBytes: number
  writtenBytes: number
  /**
   * Number of the newest connection that asked for something. Older ones are served no more: what one still has in its
   * socket after a cable was pulled would overwrite what the node has sent since over its new connection.
   */
  holder: number
}

export type SwapFiles = {
  /** @throws WaltError `swap-size-mismatch`, `swap-file-failed` */
  open: (owner: SwapOwner, sizeBytes: number) => BootSwap
  /**
   * The swap that a node has already: of this boot, or where it has none, of an older boot that is not over yet (its
   * system still runs while the next one begins by kexec). @throws WaltError `swap-gone`, and what `open` throws
   */
  openAgain: (owner: SwapOwner, sizeBytes: number) => BootSwap
  /** The size of what `open` or, with `again`, `openAgain` would give, where that is fixed. @throws WaltError `swap-gone` */
  sizeOf: (owner: SwapOwner, again: boolean) => number | undefined
  /** The connections of a swap are one more, or one less. */
  connected: (swap: BootSwap, change: 1 | -1) => void
  figures: () => SwapFigures[]
  /** Deletes what `gone` says; answers the names. */
  remove: (gone: (owner: SwapOwner) => boolean) => string[]
  /** Lets go of the files and leaves them where they are. */
  close: () => void
}

type Entry = SwapOwner & {
  name: string
  quota: Quota
  sizeBytes: number
  since: number
  /** Charged before the file is opened. */
  dormantBytes: number
  opened?: { swap: BootSwap; file: SwapFile }
}

const fileName = (owner: SwapOwner) => `${owner.node}-${owner.bootId}.swap`

function ownerOfFile(name: string): SwapOwner | undefined {
  const match = /^(.+)-([0-9a-f]{16})\.swap$/.exec(name)
  return match?.[1] && match[2] ? { node: match[1], bootId: match[2] } : undefined
}

export function createSwapFiles(options: {
  folder: string
  /** An account for one file, within that of all. */
  quotaFor: (owner: SwapOwner) => Quota
  holes: HoleCalls | undefined
  now: () => number
  /** Tests put their fault layer here. */
  wrap?: (backend: SwapBackend, owner: SwapOwner) => SwapBackend
}): SwapFiles {
  const { folder, quotaFor, holes, now } = options
  const wrap = options.wrap ?? ((backend) => backend)
  const entries = new Map<string, Entry>()

  fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const name of fs.readdirSync(folder)) {
    const owner = ownerOfFile(name)
    if (owner) addDormant(name, owner)
  }

  function addDormant(name: string, owner: SwapOwner): void {
    const { size, blocks, mtimeMs } = fs.lstatSync(join(folder, name))
    // Nobody has written to it yet: it was made in the moment of a kill.
    if (size === 0) {
      fs.rmSync(join(folder, name))
      return
    }
    const quota = quotaFor(owner)
    const dormantBytes = blocks * 512
    quota.charge(dormantBytes)
    entries.set(name, { ...owner, name, quota, sizeBytes: size, since: Math.floor(mtimeMs), dormantBytes })
  }

  function openFile(path: string, sizeBytes: number, quota: Quota): SwapFile {
    try {
      return openSwapFile({ path, sizeBytes, quota, holes })
    } catch (cause) {
      if (cause instanceof WaltError) throw cause
      throw new WaltError('swap-file-failed', `The swap file ${path} cannot be opened: ${reasonOf(cause)}.`, {
        cause,
      })
    }
  }

  /** Opening it with another size than it has fails and says why; it stays as it is. */
  function openEntry(owner: SwapOwner, sizeBytes: number): BootSwap {
    const name = fileName(owner)
    const found = entries.get(name)
    if (found?.opened && found.sizeBytes === sizeBytes) return found.opened.swap
    const quota = found?.quota ?? quotaFor(owner)
    // The file is charged for what it holds when it is opened.
    quota.release(found?.dormantBytes ?? 0)
    let file: SwapFile
    try {
      file = openFile(join(folder, name), sizeBytes, quota)
    } catch (thrown) {
      quota.charge(found?.dormantBytes ?? 0)
      throw thrown
    }
    const counts = { connections: 0, readBytes: 0, writtenBytes: 0, holder: 0 }
    const { node, bootId } = owner
    const swap = { node, bootId, backend: wrap(file, owner), sizeBytes, ...counts }
    const since = found?.since ?? now()
    entries.set(name, {
      node,
      bootId,
      name,
      quota,
      sizeBytes,
      since,
      dormantBytes: 0,
      opened: { swap, file },
    })
    return swap
  }

  /** A boot's file, or the newest of the node's other boots. */
  function findAgain(owner: SwapOwner): Entry {
    const own = entries.get(fileName(owner))
    const others = [...entries.values()].filter((one) => one.node === owner.node)
    const found = own ?? others.toSorted((a, b) => b.since - a.since)[0]
    if (found) return found
    throw new WaltError(
      'swap-gone',
      `${swapGoneMessage} There is no file of ${owner.node} for boot ${owner.bootId}.`,
    )
  }

  function removeEntry(entry: Entry): void {
    entry.opened?.file.close()
    if (!entry.opened) entry.quota.release(entry.dormantBytes)
    entries.delete(entry.name)
    fs.rmSync(join(folder, entry.name), { force: true })
  }

  return {
    open: openEntry,
    openAgain: (owner, sizeBytes) => openEntry(findAgain(owner), sizeBytes),
    sizeOf: (owner, again) => (again ? findAgain(owner) : entries.get(fileName(owner)))?.sizeBytes,
    connected(swap, change) {
      swap.connections += change
      const entry = entries.get(fileName(swap))
      if (entry?.opened?.swap !== swap) return
      entry.since = now()
      // A restart must still know since when nobody has come.
      entry.opened.file.touch(entry.since)
    },
    figures: () =>
      [...entries.values()].map(({ node, bootId, sizeBytes, since, dormantBytes, opened }) => {
        const { connections, readBytes, writtenBytes } = opened?.swap ?? {
          connections: 0,
          readBytes: 0,
          writtenBytes: 0,
        }
        const usedBytes = opened?.file.usedBytes() ?? dormantBytes
        return { node, bootId, sizeBytes, usedBytes, connections, since, readBytes, writtenBytes }
      }),
    remove(gone) {
      const stale = [...entries.values()].filter(gone)
      for (const entry of stale) removeEntry(entry)
      return stale.map((entry) => entry.name)
    },
    close() {
      for (const { opened } of entries.values()) opened?.file.close()
      entries.clear()
    },
  }
}
