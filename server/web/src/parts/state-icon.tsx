import type { NodeStateName } from '../node-order.ts'

/** A shape of its own for each state, so that colour is never the only sign. */
const shapes: Record<NodeStateName, preact.JSX.Element> = {
  booted: <circle cx="8" cy="8" r="6" />,
  booting: <path d="M8 1.5l6.5 12h-13z" />,
  rebooting: <path d="M8 1l7 7-7 7-7-7z" />,
  down: <path d="M2.5 2.5h11v11h-11z" />,
  lost: <path d="M4 1.5l4 4 4-4 2.5 2.5-4 4 4 4-2.5 2.5-4-4-4 4L1.5 12l4-4-4-4z" />,
  off: <circle class="hollow" cx="8" cy="8" r="5" />,
  new: <path class="hollow" d="M8 2.5v11M2.5 8h11" />,
}

/** Up, but its root does not answer. */
const degradedShape = <path d="M8 2a6 6 0 1 0 0 12 6 6 0 0 0 0-12M8 2v12" class="half" />

export function StateIcon({
  state,
  degraded = false,
}: {
  state: NodeStateName
  degraded?: boolean | undefined
}) {
  if (degraded) {
    return (
      <svg class="state-icon state-degraded" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
        {degradedShape}
        <path d="M8 2a6 6 0 0 0 0 12z" />
      </svg>
    )
  }
  return (
    <svg class={`state-icon state-${state}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {shapes[state]}
    </svg>
  )
}

/** Shape, colour and word. */
export function StateBadge({ state, degraded }: { state: NodeStateName; degraded?: boolean | undefined }) {
  return (
    <span class="state-badge">
      <StateIcon state={state} degraded={degraded} />
      {degraded ? `${state}, degraded` : state}
    </span>
  )
}
