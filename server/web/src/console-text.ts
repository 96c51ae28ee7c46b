/** A console's bytes as text that a page can show: without terminal control, and no longer than it may be. Pure. */

// ECMA-48: control sequences, operating system commands up to BEL or ST, and two-character escapes.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
const escapes = /\x1b\[[0-9;?<=>!]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const controls = /[\x00-\x08\x0b-\x1f\x7f]/g

/** Longer than any sequence that is held back because its end has not come yet. */
const sequenceMaxChars = 256

/** Takes text as it comes, in pieces of any size; returns what can be shown of it. */
export function createConsoleReader(): (text: string) => string {
  let rest = ''
  return (text) => {
    let all = rest + text
    rest = ''
    // A sequence, or a line end, that is not complete waits for the next piece.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
    const open = /\x1b(?:\[[0-9;?<=>!]*[ -/]*|\][^\x07\x1b]*|[ -/]*)$|\r$/.exec(all)
    if (open && all.length - open.index <= sequenceMaxChars) {
      rest = all.slice(open.index)
      all = all.slice(0, open.index)
    }
    return all.replace(escapes, '').replace(/\r+\n/g, '\n').replace(controls, '')
  }
}

/** The end of a text, from a line's start on. */
export function lastChars(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text
  const cut = text.slice(text.length - maxChars)
  return cut.slice(cut.indexOf('\n') + 1)
}
