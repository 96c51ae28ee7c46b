import fs from 'node:fs'
import { promisify } from 'node:util'
import { WaltError } from '@walt/shared/errors'
import { formatSize } from '@walt/shared/sizes'
import { createAllocationMap } from './allocation-map.ts'
import type { SwapBackend } from './backend.ts'
import type { HoleCalls } from './ffi.ts'
import type { Quota } from './quota.ts'

const fdatasync = promisify(fs.fdatasync)

export type SwapFile = SwapBackend & {
  /** What the file is charged to the quota. */
  usedBytes: () => number
  /** Sets the time of the last change, in milliseconds since the epoch. */
  touch: (at: number) => void
  /** Closes the file; requests that still come are answered ESHUTDOWN. Its bytes leave the quota. */
  close: () => void
}

/**
 * Opens or creates one sparse file. A file that exists keeps its content: a node that reconnects must find its swap.
 * @throws WaltError `swap-size-mismatch`; errors of the file system
 */
export function openSwapFile(options: {
  path: string
  sizeBytes: number
  quota: Quota
  holes: HoleCalls | undefined
}): SwapFile {
  const { path, sizeBytes, quota, holes } = options
  // The memory of a node is in it: for root only.
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW, 0o600)
  const map = createAllocationMap(sizeBytes)
  let inheritedBytes = 0
  let open = true
  const disk = shareRuns(async () => {
    mustBeOpen()
    await fdatasync(fd)
  })

  function prepare(): void {
    const before = fs.fstatSync(fd)
    if (before.size === 0) fs.ftruncateSync(fd, sizeBytes)
    else if (before.size !== sizeBytes) {
      throw new WaltError(
        'swap-size-mismatch',
        `This boot's swap is ${formatSize(before.size)} already; it cannot be had as ${formatSize(sizeBytes)} too.`,
      )
    }
    for (const range of holes?.dataRanges(fd) ?? []) map.add(range.offset, range.length)
    // Blocks that the map does not know: allocated but unwritten, or no way to ask for data.
    inheritedBytes = Math.max(0, before.blocks * 512 - map.bytes())
    quota.charge(map.bytes() + inheritedBytes)
  }

  function mustBeOpen(): void {
    if (!open) throw new WaltError('swap-closed', 'The boot that this swap file belonged to is over.')
  }

  /** Runs what fills a range, with its new blocks taken from the quota before. */
  function filling(offset: number, length: number, fill: () => void): void {
    mustBeOpen()
    const missing = map.missingBytes(offset, length)
    if (missing > 0 && !quota.reserve(missing)) {
      throw new WaltError('swap-quota-full', 'This swap, or the disk under all swap files, has no room left.')
    }
    try {
      fill()
    } catch (thrown) {
      quota.release(missing)
      throw thrown
    }
    if (missing > 0) map.add(offset, length)
  }

  function punch(offset: number, length: number): void {
    mustBeOpen()
    if (!holes) throw new WaltError('swap-file-failed', 'Holes cannot be punched on this machine.')
    holes.punchHole(fd, offset, length)
    quota.release(map.remove(offset, length))
  }

  try {
    prepare()
  } catch (thrown) {
    fs.closeSync(fd)
    throw thrown
  }

  return {
    sizeBytes,
    holes: holes !== undefined,
    read(into, at, length, offset) {
      mustBeOpen()
      for (let done = 0; done < length; ) {
        const got = fs.readSync(fd, into, at + done, length - done, offset + done)
        if (got === 0) throw new WaltError('swap-file-failed', `The swap file ${path} was cut short.`)
        done += got
      }
    },
    write(from, at, length, offset) {
      filling(offset, length, () => {
        for (let done = 0; done < length; ) {
          const put = fs.writeSync(fd, from, at + done, length - done, offset + done)
          if (put === 0) throw new WaltError('swap-file-failed', `The swap file ${path} takes no more bytes.`)
          done += put
        }
      })
    },
    trim: punch,
    zero(offset, length, allocate) {
      punch(offset, length)
      if (allocate) filling(offset, length, () => holes?.allocate(fd, offset, length))
    },
    cache(offset, length) {
      mustBeOpen()
      holes?.readAhead(fd, offset, length)
    },
    flush: disk.run,
    usedBytes: () => map.bytes() + inheritedBytes,
    touch(at) {
      if (open) fs.futimesSync(fd, at / 1000, at / 1000)
    },
    close() {
      if (!open) return
      open = false
      quota.release(map.bytes() + inheritedBytes)
      // A descriptor that a flush still uses may not be given to another file.
      disk.settled().then(() => fs.closeSync(fd))
    },
  }
}

/** One run serves all that ask for it before it starts; those that ask while it runs share the next one. */
function shareRuns(run: () => Promise<void>) {
  let last = Promise.resolve()
  let waiting: Promise<void> | undefined
  const settled = () => last.catch(() => undefined)
  return {
    run(): Promise<void> {
      if (waiting) return waiting
      waiting = settled().then(() => {
        waiting = undefined
        return run()
      })
      last = waiting
      return waiting
    },
    settled,
  }
}
