import { open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { limits } from '@walt/shared/limits'

const chunkBytes = 64 * 1024

/**
 * A console log's end, and what is added to it later if it is followed. A file that became shorter was begun anew by
 * the machine, and is read from its start. A file that is missing is an empty one.
 */
export async function* readConsole(
  path: string,
  options: { follow: boolean; bytes: number | undefined; signal: AbortSignal },
): AsyncGenerator<Buffer> {
  const wanted = Math.min(options.bytes ?? limits.consoleReadMaxBytes, limits.consoleReadMaxBytes)
  let offset: number | undefined
  while (!options.signal.aborted) {
    const file = await open(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (file) {
      try {
        const { size } = await file.stat()
        if (offset === undefined) offset = Math.max(0, size - wanted)
        if (size < offset) offset = 0
        while (offset < size && !options.signal.aborted) {
          const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, offset)
          if (bytesRead === 0) break
          offset += bytesRead
          yield buffer.subarray(0, bytesRead)
        }
      } finally {
        await file.close()
      }
    }
    if (!options.follow) return
    offset ??= 0
    await delay(limits.consoleFollowMs, undefined, { signal: options.signal }).catch(() => undefined)
  }
}
