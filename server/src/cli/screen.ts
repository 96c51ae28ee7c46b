/** A whole terminal to draw on, with its keys; what was on it before comes back at the end. */
export type Screen = {
  rows(): number
  /** Returns how to leave it. */
  enter(onKey: (key: string) => void): () => void
  /** Replaces what is shown. */
  draw(text: string): void
}

const alternate = { on: '\u001b[?1049h\u001b[?25l', off: '\u001b[?25h\u001b[?1049l' }
const home = '\u001b[H'
const clearToEndOfLine = '\u001b[K'
const clearBelow = '\u001b[J'

type Input = Pick<NodeJS.ReadStream, 'isTTY' | 'setRawMode' | 'resume' | 'pause' | 'on' | 'off'>
type Output = Pick<NodeJS.WriteStream, 'isTTY' | 'rows' | 'columns' | 'write'>

/** Undefined where input or output is no terminal. */
export function createScreen(input: Input, output: Output): Screen | undefined {
  if (!input.isTTY || !output.isTTY) return undefined
  return {
    rows: () => output.rows || 24,
    enter(onKey) {
      const listen = (chunk: Buffer | string) => {
        for (const key of chunk.toString()) onKey(key)
      }
      input.setRawMode(true)
      input.on('data', listen)
      input.resume()
      output.write(alternate.on)
      return () => {
        input.off('data', listen)
        input.setRawMode(false)
        input.pause()
        output.write(alternate.off)
      }
    },
    draw(text) {
      const lines = text.split('\n').map((line) => [...line].slice(0, output.columns || 80).join(''))
      output.write(`${home}${lines.map((line) => `${line}${clearToEndOfLine}`).join('\n')}${clearBelow}`)
    },
  }
}
