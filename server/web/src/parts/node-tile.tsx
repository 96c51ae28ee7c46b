import type { NodeView } from '../../../src/http/api-schema.ts'
import type { Layout } from '../fleet-place.ts'
import { ago, shortDuration } from '../formats.ts'
import { nodePath } from '../routes.ts'
import { StateIcon } from './state-icon.tsx'

export type TileLayout = Exclude<Layout, 'auto'>

/** One node of the grid, as a link to its page. */
export function TileLink(props: {
  node: NodeView
  layout: TileLayout
  now: number
  index: number
  selected: boolean
  /** By Tab; the others by arrows. */
  reachable: boolean
}) {
  const { node, layout, now, index, selected, reachable } = props
  const plain = layout === 'map'
  return (
    <a
      href={nodePath(node.name)}
      data-index={index}
      tabIndex={reachable ? 0 : -1}
      aria-label={plain ? labelOf(node, selected) : undefined}
    >
      {plain ? null : <TileContent node={node} layout={layout} now={now} />}
      {selected && !plain ? <span class="unseen"> selected</span> : null}
    </a>
  )
}

function TileContent({ node, layout, now }: { node: NodeView; layout: TileLayout; now: number }) {
  const { name, state, cause, address, degraded } = node
  const head = (
    <>
      <StateIcon state={state} degraded={degraded} />
      <span class="tile-name">{name}</span>
    </>
  )
  if (layout === 'compact') {
    return (
      <>
        {head}
        <span class="unseen"> {stateWords(node)}</span>
      </>
    )
  }
  if (layout === 'list') {
    return (
      <>
        <span class="cell-name">{head}</span>
        <span class="cell-state">{stateWords(node)}</span>
        <span class="cell-cause">{cause ?? ''}</span>
        <span class="cell-image">{imageText(node)}</span>
        <span class="cell-address">{address}</span>
        <span class="cell-since">{ago(node.since, now)}</span>
      </>
    )
  }
  return (
    <>
      <span class="tile-head">{head}</span>
      <span class="tile-state">
        {stateWords(node)} <span class="muted">· {shortDuration(Math.max(0, now - node.since))}</span>
      </span>
      <span class="tile-line muted">
        {cause && (state !== 'booted' || degraded) ? cause : imageText(node)}
      </span>
    </>
  )
}

const stateWords = ({ state, degraded }: NodeView) => (degraded ? `${state}, degraded` : state)

/** What runs, and what will, where that is another one. */
function imageText({ image, runningImage }: NodeView): string {
  return runningImage !== undefined && runningImage !== image ? `${runningImage} → ${image}` : image
}

export function labelOf(node: NodeView, selected: boolean): string {
  const words = [node.name, stateWords(node), node.cause, `image ${imageText(node)}`]
  return [...words, selected ? 'selected' : undefined].filter((word) => word).join(', ')
}
