import { useEffect, useRef } from 'preact/hooks'
import { type FleetPlace, type Layout, layouts } from '../fleet-place.ts'
import { type NodeStateName, type SortKey, states } from '../node-order.ts'
import { Glyph, type GlyphName } from './glyph.tsx'
import { StateIcon } from './state-icon.tsx'

const sortLabels: Record<SortKey, string> = {
  name: 'name',
  state: 'state, worst first',
  since: 'last change',
  image: 'image',
  address: 'address',
}
const layoutLabels: Record<Layout, { label: string; glyph: GlyphName }> = {
  auto: { label: 'auto', glyph: 'system' },
  cards: { label: 'cards', glyph: 'cards' },
  compact: { label: 'names', glyph: 'compact' },
  map: { label: 'map', glyph: 'map' },
  list: { label: 'list', glyph: 'list' },
}

export function FleetFilter(props: {
  query: FleetPlace
  counts: Record<NodeStateName, number>
  images: readonly string[]
  problem: string | undefined
  selecting: boolean
  onChange: (change: Partial<FleetPlace>) => void
  onSelecting: () => void
}) {
  const { query, counts, images, problem, selecting, onChange, onSelecting } = props
  const search = useRef<HTMLInputElement>(null)

  // "/" goes to the search, as in many programs; not while something is typed or a dialog asks.
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const busy = event.target instanceof Element && event.target.closest('input, select, textarea, dialog')
      if (event.key !== '/' || busy || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      search.current?.focus()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])

  const toggle = (state: NodeStateName) =>
    onChange({
      states: query.states.includes(state)
        ? query.states.filter((one) => one !== state)
        : [...query.states, state],
    })
  const sets = ['all-nodes', 'booted-nodes', 'down-nodes', ...images.map((image) => `image:${image}`)]

  return (
    <search class="filter">
      <div class="filter-row">
        <div class="search-box">
          <Glyph name="search" />
          <input
            ref={search}
            type="search"
            aria-label="Search, or a node set such as vnode[1-10]"
            placeholder="Search, or a set: vnode[1-10], image:debian12"
            aria-describedby="search-problem"
            aria-keyshortcuts="/"
            autocomplete="off"
            spellcheck={false}
            value={query.text}
            onInput={(event) => onChange({ text: event.currentTarget.value })}
          />
        </div>
        <label class="inline-field">
          Set
          <select
            value={sets.includes(query.text) ? query.text : ''}
            onChange={(event) => onChange({ text: event.currentTarget.value })}
          >
            <option value="">any</option>
            {sets.map((set) => (
              <option key={set} value={set}>
                {set}
              </option>
            ))}
          </select>
        </label>
        <label class="inline-field">
          Sort by
          <select
            value={query.sort}
            onChange={(event) => onChange({ sort: event.currentTarget.value as SortKey })}
          >
            {Object.entries(sortLabels).map(([key, label]) => (
              <option key={key} value={key}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <button
          type="button"
          class="button icon-button"
          title="Reverse the order"
          aria-label="Reverse the order"
          aria-pressed={query.descending}
          onClick={() => onChange({ descending: !query.descending })}
        >
          <Glyph name="reverse" />
        </button>
        <fieldset class="layouts">
          <legend class="unseen">Layout</legend>
          {layouts.map((layout) => (
            <button
              key={layout}
              type="button"
              class="button icon-button"
              title={layoutLabels[layout].label}
              aria-label={`Layout: ${layoutLabels[layout].label}`}
              aria-pressed={query.layout === layout}
              onClick={() => onChange({ layout })}
            >
              {layout === 'auto' ? (
                <span aria-hidden="true">auto</span>
              ) : (
                <Glyph name={layoutLabels[layout].glyph} />
              )}
            </button>
          ))}
        </fieldset>
        <button type="button" class="button" aria-pressed={selecting} onClick={onSelecting}>
          <Glyph name="check" />
          Select
        </button>
      </div>
      <p id="search-problem" class="problem" role="status">
        {problem}
      </p>
      <fieldset class="chips">
        <legend class="unseen">Show only these states</legend>
        {states.map((state) => (
          <button
            key={state}
            type="button"
            class="chip"
            aria-pressed={query.states.includes(state)}
            disabled={counts[state] === 0 && !query.states.includes(state)}
            onClick={() => toggle(state)}
          >
            <StateIcon state={state} />
            {state}
            <span class="chip-count">{counts[state]}</span>
          </button>
        ))}
      </fieldset>
    </search>
  )
}
