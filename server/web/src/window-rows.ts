/** Which tiles of a long grid are near the part of the page that is seen. Pure. */

export type GridShape = { columns: number; rows: number; height: number; tileWidth: number }

export function gridShape(
  count: number,
  width: number,
  tile: { minWidth: number; height: number; gap: number },
) {
  const { minWidth, height, gap } = tile
  const columns = Math.max(1, Math.floor((width + gap) / (minWidth + gap)))
  const rows = Math.ceil(count / columns)
  const tileWidth = Math.max(0, (width - gap * (columns - 1)) / columns)
  return { columns, rows, height: Math.max(0, rows * (height + gap) - gap), tileWidth }
}

/**
 * Indexes to render: from the first row in view to the last, some more on both sides, and the tile that has the
 * keyboard's focus, which would lose it otherwise.
 */
export function visibleTiles(
  count: number,
  columns: number,
  pitch: number,
  view: { top: number; bottom: number; spareRows: number },
  focused: number | undefined,
): number[] {
  const first = Math.max(0, Math.floor(view.top / pitch) - view.spareRows) * columns
  const last = Math.min(count, (Math.ceil(view.bottom / pitch) + view.spareRows) * columns)
  const indexes: number[] = []
  if (focused !== undefined && focused < Math.min(first, count)) indexes.push(focused)
  for (let index = first; index < last; index += 1) indexes.push(index)
  if (focused !== undefined && focused >= Math.max(last, first) && focused < count) indexes.push(focused)
  return indexes
}

/** Where an arrow key leads; undefined for other keys. */
export function movedFocus(key: string, at: number, count: number, columns: number): number | undefined {
  const moves: Record<string, number> = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at - columns,
    ArrowDown: at + columns,
    Home: 0,
    End: count - 1,
    PageUp: at - columns * 8,
    PageDown: at + columns * 8,
  }
  const to = moves[key]
  if (to === undefined) return undefined
  const page = key.startsWith('Page')
  if (!page && (to < 0 || to >= count)) return at
  return Math.min(count - 1, Math.max(0, to))
}
