import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useDashboard } from '../dashboard.ts'
import { chosenLayout, type FleetPlace, readFleetPlace, writeFleetPlace } from '../fleet-place.ts'
import { plural } from '../formats.ts'
import { countStates, queryNodes } from '../node-order.ts'
import { ActionButtons } from '../parts/action-buttons.tsx'
import { FleetFilter } from '../parts/fleet-filter.tsx'
import { NodeGrid } from '../parts/node-grid.tsx'
import { Notice } from '../parts/notice.tsx'
import { routeOf } from '../routes.ts'
import { useStore } from '../store.ts'
import { useDeferred } from '../use-deferred.ts'

const addressMs = 300

function placeOf(path: string): FleetPlace {
  const route = routeOf(path)
  return readFleetPlace(route.page === 'fleet' ? route.search : '')
}

export function FleetPage() {
  const { fleet, place, clock, navigate } = useDashboard()
  const { connection, nodes: known, problem } = useStore(fleet.store)
  const now = Math.max(useStore(clock), Date.now() - 60_000)
  const path = useStore(place)
  const [query, setQuery] = useState(() => placeOf(path))
  const settled = useDeferred(query)
  const nodes = useMemo(() => [...known.values()], [known])
  const counts = useMemo(() => countStates(nodes), [nodes])
  const images = useMemo(() => [...new Set(nodes.map((node) => node.image))].toSorted(), [nodes])
  const { shown, problem: setProblem } = useMemo(() => queryNodes(nodes, settled), [nodes, settled])
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [selecting, setSelecting] = useState(false)
  const anchor = useRef<string | undefined>(undefined)

  const change = (next: Partial<FleetPlace>) => setQuery({ ...query, ...next })
  // The address follows when there is a pause; browsers do not take as many changes of it as a person can type.
  useEffect(() => {
    const own = writeFleetPlace(query)
    const timer = setTimeout(() => {
      if (own !== place.get()) navigate(own, 'replace')
    }, addressMs)
    return () => clearTimeout(timer)
  }, [query, place, navigate])
  // A link, or Back, leads to what another address says.
  useEffect(() => {
    setQuery((old) => (writeFleetPlace(old) === path ? old : placeOf(path)))
  }, [path])
  // Nodes that were removed meanwhile are not selected any more.
  const selected = useMemo(() => nodes.filter((node) => chosen.has(node.name)), [nodes, chosen])

  function onSelect(name: string, range: boolean): void {
    const next = new Set(chosen)
    const from = shown.findIndex((node) => node.name === anchor.current)
    const to = shown.findIndex((node) => node.name === name)
    if (range && from >= 0) {
      for (const node of shown.slice(Math.min(from, to), Math.max(from, to) + 1)) next.add(node.name)
    } else if (next.has(name)) next.delete(name)
    else next.add(name)
    anchor.current = name
    setChosen(next)
  }

  function clear(): void {
    setChosen(new Set())
    setSelecting(false)
  }

  const total = nodes.length
  return (
    <>
      <div class="page-head">
        <h1 tabIndex={-1}>Nodes</h1>
        <p class="muted" role="status">
          {connection === 'loading' && total === 0
            ? ''
            : shown.length === total
              ? plural(total, 'node')
              : `${shown.length} of ${plural(total, 'node')}`}
        </p>
      </div>
      {connection === 'loading' && total === 0 ? (
        problem === undefined ? (
          <Notice kind="loading" title="Loading the nodes …" />
        ) : (
          <Notice kind="loading" title="Waiting for the server …" />
        )
      ) : total === 0 ? (
        <Notice kind="empty" title="There are no nodes yet.">
          <p>
            <code>walt node create vnode1</code> makes a virtual one; with <code>--mac</code> it registers a
            physical one.
          </p>
        </Notice>
      ) : (
        <>
          <FleetFilter
            query={query}
            counts={counts}
            images={images}
            problem={setProblem}
            selecting={selecting}
            onChange={change}
            onSelecting={() => setSelecting(!selecting)}
          />
          {shown.length === 0 ? (
            <Notice kind="empty" title="No node is like that.">
              <button type="button" class="button" onClick={() => change({ text: '', states: [] })}>
                Show all nodes
              </button>
            </Notice>
          ) : (
            <NodeGrid
              nodes={shown}
              layout={chosenLayout(settled.layout, shown.length)}
              now={now}
              selected={chosen}
              selecting={selecting}
              onSelect={onSelect}
            />
          )}
          {selected.length > 0 || selecting ? (
            <section class="selection" aria-label="Selection">
              <p role="status">
                <strong>{selected.length}</strong> selected
              </p>
              <button
                type="button"
                class="button"
                onClick={() => setChosen(new Set(shown.map((node) => node.name)))}
              >
                All {shown.length} shown
              </button>
              <button type="button" class="button" onClick={clear}>
                Clear
              </button>
              <ActionButtons nodes={selected} onStarted={clear} />
            </section>
          ) : null}
        </>
      )}
    </>
  )
}
