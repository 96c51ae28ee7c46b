/**
 * Holes in files: the system calls that Node has no function for. The only importer of node:ffi in the server.
 * Where it cannot be had (another libc, a build without it, --permission), the swap server does without: it then offers
 * neither TRIM nor WRITE_ZEROES.
 */
import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { WaltError } from '@walt/shared/errors'

export type HoleCalls = {
  /** Gives the blocks of a range back; it reads as zeroes. */
  punchHole: (fd: number, offset: number, length: number) => void
  /** Allocates the blocks of a range; what is a hole reads as zeroes. */
  allocate: (fd: number, offset: number, length: number) => void
  /** Asks the kernel to have a range in memory soon; it goes on by itself. */
  readAhead: (fd: number, offset: number, length: number) => void
  /** The ranges that hold data, in order. */
  dataRanges: (fd: number) => { offset: number; length: number }[]
}

// linux/falloc.h, and lseek(2).
const keepSize = 1
const punchHole = 2
const seekData = 3
const seekHole = 4
/** POSIX_FADV_WILLNEED. */
const willNeed = 3

export async function loadHoleCalls(): Promise<HoleCalls> {
  const { dlopen, getInt32 } = await import('node:ffi')
  const { functions } = dlopen('libc.so.6', {
    fallocate: { return: 'int32', arguments: ['int32', 'int32', 'int64', 'int64'] },
    lseek: { return: 'int64', arguments: ['int32', 'int64', 'int32'] },
    posix_fadvise: { return: 'int32', arguments: ['int32', 'int64', 'int64', 'int32'] },
    __errno_location: { return: 'pointer', arguments: [] },
  })
  const errno = () => getInt32(functions.__errno_location())

  function fallocate(fd: number, mode: number, offset: number, length: number): void {
    for (;;) {
      if (functions.fallocate(fd, mode, BigInt(offset), BigInt(length)) === 0) return
      const code = errno()
      if (code === constants.errno.EINTR) continue
      const name = getSystemErrorName(-code)
      throw new WaltError(
        name === 'ENOSPC' ? 'swap-no-space' : 'swap-file-failed',
        `fallocate (mode ${mode}) of ${length} bytes at ${offset} of a swap file failed: ${name}.`,
      )
    }
  }

  function seek(fd: number, from: number, whence: number): number | undefined {
    const at = functions.lseek(fd, BigInt(from), whence)
    if (at >= 0n) return Number(at)
    const code = errno()
    if (code === constants.errno.ENXIO) return undefined
    throw new WaltError('swap-file-failed', `lseek of a swap file failed: ${getSystemErrorName(-code)}.`)
  }

  return {
    punchHole: (fd, offset, length) => fallocate(fd, punchHole | keepSize, offset, length),
    allocate: (fd, offset, length) => fallocate(fd, keepSize, offset, length),
    readAhead(fd, offset, length) {
      // Answers its error instead of setting errno.
      const code = functions.posix_fadvise(fd, BigInt(offset), BigInt(length), willNeed)
      if (code === 0) return
      throw new WaltError(
        'swap-file-failed',
        `posix_fadvise of a swap file failed: ${getSystemErrorName(-code)}.`,
      )
    },
    dataRanges(fd) {
      const ranges: { offset: number; length: number }[] = []
      let from = seek(fd, 0, seekData)
      while (from !== undefined) {
        const end = seek(fd, from, seekHole)
        if (end === undefined || end <= from) break
        ranges.push({ offset: from, length: end - from })
        from = seek(fd, end, seekData)
      }
      return ranges
    },
  }
}
