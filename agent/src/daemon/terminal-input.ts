import { writeSync } from 'node:fs'
import { Writable } from 'node:stream'
import { limits } from '@walt/shared/limits'

/**
 * Writes to the controller of a pseudo-terminal without waiting. It refuses what programs in the terminal do not read,
 * and Node's own stream would wait for them with the whole process: libuv cannot open a controller a second time to have
 * it non-blocking, and writes as to a file.
 * @param isOpen false once the descriptor, which must be non-blocking, is closed: it may be somebody else's by then
 */
export function createTerminalInput(controller: number, isOpen: () => boolean): Writable {
  let timer: NodeJS.Timeout | undefined

  /** What is left to be written: all that there was, when nothing could be. */
  function offer(bytes: Uint8Array): Uint8Array {
    let rest = bytes
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(controller, rest))
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EAGAIN') throw thrown
    }
    return rest
  }

  function writeOn(bytes: Uint8Array, done: (error?: Error | null) => void): void {
    let rest: Uint8Array
    try {
      rest = isOpen() ? offer(bytes) : Buffer.alloc(0)
    } catch (thrown) {
      done(thrown as Error)
      return
    }
    if (rest.length === 0) done()
    else timer = setTimeout(() => writeOn(rest, done), limits.controlTerminalRetryMs)
  }

  return new Writable({
    decodeStrings: true,
    write: (chunk: Buffer, _encoding, done) => writeOn(chunk, done),
    destroy(error, done) {
      clearTimeout(timer)
      done(error)
    },
  })
}
