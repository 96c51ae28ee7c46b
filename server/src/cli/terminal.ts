/** Where a command's words go: results to standard output, the rest to standard error. */

export type Terminal = {
  /** A result: one or more lines. */
  print(text: string): void
  /** A result as it comes, byte for byte. Resolves when there is room for more. */
  write(bytes: Uint8Array | string): Promise<void>
  /** A word to the person; never part of the result. */
  note(text: string): void
  /** The one live line of a terminal, overwritten in place; without a terminal it is not shown. Undefined clears it. */
  status(text: string | undefined): void
  readonly interactive: boolean
}

type Stream = Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns' | 'once' | 'off'>

const clearLine = '\r\u001b[K'

export function createTerminal(stdout: Stream, stderr: Stream): Terminal {
  let shown = false
  const clear = () => {
    if (shown) stderr.write(clearLine)
    shown = false
  }
  return {
    interactive: stderr.isTTY === true,
    print(text) {
      clear()
      stdout.write(`${text}\n`)
    },
    async write(bytes) {
      clear()
      if (stdout.write(bytes)) return
      await new Promise<void>((resolve) => stdout.once('drain', resolve))
    },
    note(text) {
      clear()
      stderr.write(`${text}\n`)
    },
    status(text) {
      if (stderr.isTTY !== true) return
      clear()
      if (text === undefined) return
      // A line that wraps could not be cleared.
      stderr.write(text.slice(0, Math.max(20, (stderr.columns || 80) - 1)))
      shown = true
    },
  }
}
