/** A machine's console in a file that does not grow for ever: what is older than the bound is in `<file>.1`, or gone. */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'

export type ConsoleFile = { write(chunk: Uint8Array): void; close(): void }

export function openConsoleFile(path: string, maxBytes: number): ConsoleFile {
  let file = openSync(path, 'a')
  let size = fstatSync(file).size
  return {
    write(chunk) {
      if (size + chunk.length > maxBytes && size > 0) {
        closeSync(file)
        renameSync(path, `${path}.1`)
        file = openSync(path, 'a')
        size = 0
      }
      writeSync(file, chunk)
      size += chunk.length
    },
    close: () => closeSync(file),
  }
}
