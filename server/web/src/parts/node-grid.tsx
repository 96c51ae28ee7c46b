/**
 * Tiles of nodes, of which only those near the view exist. One of them takes part in the order of Tab; arrows lead to
 * the others, Enter opens a node, Space selects it.
 */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { NodeView } from '../../../src/http/api-schema.ts'
import { gridShape, movedFocus, visibleTiles } from '../window-rows.ts'
import { labelOf, type TileLayout, TileLink } from './node-tile.tsx'

const tiles: Record<TileLayout, { minWidth: number; height: number; gap: number }> = {
  cards: { minWidth: 216, height: 92, gap: 12 },
  compact: { minWidth: 124, height: 34, gap: 6 },
  map: { minWidth: 26, height: 26, gap: 2 },
  list: { minWidth: 5_000, height: 40, gap: 0 },
}
/** On a narrow page a row of the list has two lines. */
const narrowWidth = 640
const narrowRow = { minWidth: 5_000, height: 60, gap: 0 }
const spareRows = 4

type KeptTile = { node: NodeView; facts: string; tile: preact.JSX.Element }

export function NodeGrid(props: {
  nodes: readonly NodeView[]
  layout: TileLayout
  now: number
  selected: ReadonlySet<string>
  /** A click selects, and does not open. */
  selecting: boolean
  onSelect: (name: string, range: boolean) => void
}) {
  const { nodes, layout, now, selected, selecting, onSelect } = props
  const list = useRef<HTMLUListElement>(null)
  const [active, setActive] = useState(0)
  const [focused, setFocused] = useState(false)
  const [told, setTold] = useState<number>()
  const wantsFocus = useRef(false)
  const kept = useRef(new Map<string, KeptTile>())
  const view = useView(list)

  const narrow = view.width < narrowWidth
  const tile = layout === 'list' && narrow ? narrowRow : tiles[layout]
  const shape = gridShape(nodes.length, view.width, tile)
  const pitch = tile.height + tile.gap
  const at = Math.min(active, Math.max(0, nodes.length - 1))
  const shown =
    view.width === 0
      ? []
      : visibleTiles(nodes.length, shape.columns, pitch, { ...view, spareRows }, focused ? at : undefined)

  useEffect(() => {
    if (!wantsFocus.current) return
    wantsFocus.current = false
    const link = list.current?.querySelector<HTMLElement>(`a[data-index="${at}"]`)
    link?.focus()
    link?.scrollIntoView({ block: 'nearest' })
  })

  function onKeyDown(event: KeyboardEvent): void {
    const node = nodes[at]
    if (event.key === ' ' && node && !(event.target instanceof HTMLInputElement)) {
      event.preventDefault()
      onSelect(node.name, event.shiftKey)
      return
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const to = movedFocus(event.key, at, nodes.length, shape.columns)
    if (to === undefined) return
    event.preventDefault()
    wantsFocus.current = to !== at
    setActive(to)
  }

  function onClick(event: MouseEvent): void {
    const index = indexOf(event)
    const node = index === undefined ? undefined : nodes[index]
    if (!node || index === undefined) return
    const box = event.target instanceof HTMLInputElement
    if (!box && !selecting && !event.ctrlKey && !event.metaKey && !event.shiftKey) return
    event.preventDefault()
    setActive(index)
    onSelect(node.name, event.shiftKey)
  }

  function onFocusIn(event: FocusEvent): void {
    const index = indexOf(event)
    if (index !== undefined) setActive(index)
    setFocused(true)
  }

  /** The very same element where nothing of it changed: it is not even compared then. */
  function tileOf(index: number): preact.JSX.Element | null {
    const node = nodes[index]
    if (!node) return null
    const isSelected = selected.has(node.name)
    const row = Math.floor(index / shape.columns)
    const left = (index % shape.columns) * (shape.tileWidth + tile.gap)
    const timed = layout === 'cards' || layout === 'list' ? now : 0
    const facts = `${index} ${nodes.length} ${index === at} ${isSelected} ${layout} ${left} ${row} ${shape.tileWidth} ${timed}`
    const before = kept.current.get(node.name)
    if (before?.node === node && before.facts === facts) return before.tile
    const style = {
      width: `${shape.tileWidth}px`,
      height: `${tile.height}px`,
      left: `${left}px`,
      top: `${row * pitch}px`,
    }
    const made = (
      <li
        key={node.name}
        class={`tile tile-${node.degraded ? 'degraded' : node.state}${isSelected ? ' tile-selected' : ''}`}
        aria-setsize={nodes.length}
        aria-posinset={index + 1}
        style={style}
      >
        <TileLink
          node={node}
          layout={layout}
          now={now}
          index={index}
          selected={isSelected}
          reachable={index === at}
        />
        {layout === 'cards' || layout === 'list' ? (
          <input
            type="checkbox"
            tabIndex={-1}
            data-index={index}
            aria-label={`Select ${node.name}`}
            checked={isSelected}
          />
        ) : null}
      </li>
    )
    kept.current.set(node.name, { node, facts, tile: made })
    return made
  }

  const rendered = shown.map(tileOf)
  if (kept.current.size > shown.length * 2) {
    const present = new Set(shown.map((index) => nodes[index]?.name))
    for (const name of kept.current.keys()) if (!present.has(name)) kept.current.delete(name)
  }
  const toldNode = nodes[told ?? (focused ? at : -1)]
  return (
    <>
      {layout === 'list' && !narrow ? <ListHead /> : null}
      {/* biome-ignore lint/a11y/useKeyWithMouseEvents: onFocusIn is what bubbles */}
      <ul
        ref={list}
        class={`grid grid-${layout}${narrow ? ' grid-narrow' : ''}`}
        aria-label="Nodes"
        style={{ height: `${shape.height}px` }}
        onKeyDown={onKeyDown}
        onClick={onClick}
        onFocusIn={onFocusIn}
        onFocusOut={() => setFocused(false)}
        onMouseOver={(event) => setTold(indexOf(event))}
        onMouseLeave={() => setTold(undefined)}
      >
        {rendered}
      </ul>
      {layout === 'map' || layout === 'compact' ? (
        <p class="told" aria-hidden="true">
          {toldNode ? labelOf(toldNode, false) : 'Point at a node to read of it. Space selects, Enter opens.'}
        </p>
      ) : null}
    </>
  )
}

/** Of the tile that an event is about. */
function indexOf({ target }: Event): number | undefined {
  const found = target instanceof Element ? target.closest<HTMLElement>('[data-index]') : null
  return found ? Number(found.dataset.index) : undefined
}

/** How wide the grid is, and which part of it is in view. */
function useView(list: { current: HTMLElement | null }): { width: number; top: number; bottom: number } {
  const [view, setView] = useState({ width: 0, top: 0, bottom: 0 })
  useLayoutEffect(() => {
    const element = list.current
    if (!element) return
    const measure = () => {
      const { top, width } = element.getBoundingClientRect()
      setView((old) => {
        const next = { width, top: -top, bottom: innerHeight - top }
        return old.width === width && old.top === next.top && old.bottom === next.bottom ? old : next
      })
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    observer.observe(document.body)
    addEventListener('scroll', measure, { passive: true })
    addEventListener('resize', measure)
    return () => {
      observer.disconnect()
      removeEventListener('scroll', measure)
      removeEventListener('resize', measure)
    }
  }, [list])
  return view
}

function ListHead() {
  return (
    <div class="list-head" aria-hidden="true">
      <span>Node</span>
      <span>State</span>
      <span>Why</span>
      <span>Image</span>
      <span>Address</span>
      <span>Since</span>
    </div>
  )
}
