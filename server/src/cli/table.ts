/** Text for a terminal: aligned columns, no borders. */

/** Nodes and consoles are not trusted with the user's terminal: control characters of a text are shown, not obeyed. */
export function printable(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    /[\u0000-\u001f\u007f-\u009f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

/** Columns are as wide as their longest cell; the last one is not padded. An empty cell reads `-`. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header.map((title) => title.toUpperCase()), ...rows].map((row) =>
    header.map((_, column) => printable(row[column] ?? '') || '-'),
  )
  const widths = header.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column] ?? ''))))
  return lines
    .map((line) =>
      line
        .map((cell, column) => pad(cell, widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** `name   value` lines, for one thing with many properties. */
export function formatProperties(properties: readonly (readonly [string, string | undefined])[]): string {
  const shown = properties.filter((property): property is [string, string] => property[1] !== undefined)
  const width = Math.max(0, ...shown.map(([name]) => widthOf(name)))
  return shown.map(([name, value]) => `${pad(name, width)}  ${printable(value) || '-'}`).join('\n')
}

function widthOf(text: string): number {
  return [...text].length
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}
