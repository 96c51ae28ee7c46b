/** What was asked of nodes and of images, with progress and outcome, whatever page is shown. */
import { useState } from 'preact/hooks'
import { useDashboard } from '../dashboard.ts'
import { shortDuration } from '../formats.ts'
import type { ImageBuild } from '../image-builds.ts'
import { countSteps, isOver, type NodeStep, type Operation, type StepName } from '../operations.ts'
import { nodePath } from '../routes.ts'
import { useStore } from '../store.ts'
import { Glyph } from './glyph.tsx'

/** Of a large fleet the nodes that matter most are listed. */
const listedMax = 100

export function ActivityTray() {
  const { operations, builds } = useDashboard()
  const [folded, setFolded] = useState(false)
  const asked = useStore(operations.store)
  const building = useStore(builds.store)
  const count = asked.length + building.length
  return (
    <aside class={`tray${count === 0 ? ' tray-empty' : ''}`} aria-label="Activity">
      <p class="unseen" role="status">
        {asked.map((one) => `${one.title}: ${outcomeOf(one)}. `)}
        {building.map((one) => `Image ${one.image}: ${one.state}. `)}
      </p>
      {count === 0 ? null : (
        <>
          <button type="button" class="tray-title" aria-expanded={!folded} onClick={() => setFolded(!folded)}>
            Activity <span class="count">{count}</span>
            <span class="tray-fold" aria-hidden="true">
              {folded ? '▴' : '▾'}
            </span>
          </button>
          {folded ? null : (
            <div class="tray-list">
              {building.map((build) => (
                <BuildEntry key={`b${build.id}`} build={build} />
              ))}
              {asked.map((operation) => (
                <OperationEntry key={operation.id} operation={operation} />
              ))}
            </div>
          )}
        </>
      )}
    </aside>
  )
}

export function outcomeOf(operation: Operation): string {
  const { total, ended, failed } = countSteps(operation)
  if (ended < total) return `${ended} of ${total} done${failed > 0 ? `, ${failed} failed` : ''}`
  if (failed === 0) return total === 1 ? 'done' : `all ${total} done`
  return total === 1 ? 'failed' : `${failed} of ${total} failed`
}

function OperationEntry({ operation }: { operation: Operation }) {
  const { operations, clock } = useDashboard()
  const now = useStore(clock)
  const { total, ended, failed } = countSteps(operation)
  const over = isOver(operation)
  const endedAt = over ? Math.max(...[...operation.nodes.values()].map((step) => step.endedAt ?? 0)) : now
  const few = total <= 4
  return (
    <section class={`entry${failed > 0 ? ' entry-failed' : over ? ' entry-done' : ''}`}>
      <div class="entry-head">
        <h3>{operation.title}</h3>
        <button
          type="button"
          class="button icon-button small"
          aria-label={`Dismiss ${operation.title}`}
          onClick={() => operations.dismiss(operation.id)}
        >
          <Glyph name="close" />
        </button>
      </div>
      <progress max={total} value={ended} aria-label={`Nodes that are done: ${operation.title}`} />
      <p class="entry-outcome">
        {outcomeOf(operation)}
        <span class="muted"> · {shortDuration(Math.max(0, endedAt - operation.startedAt))}</span>
      </p>
      {few ? (
        <StepList operation={operation} />
      ) : (
        <details>
          <summary>Each node</summary>
          <StepList operation={operation} />
        </details>
      )}
    </section>
  )
}

const order: Record<StepName, number> = {
  failed: 0,
  asked: 1,
  acknowledged: 2,
  'going-down': 3,
  booting: 4,
  'not-needed': 5,
  done: 6,
}

function StepList({ operation }: { operation: Operation }) {
  const steps = [...operation.nodes].toSorted(([, a], [, b]) => order[a.step] - order[b.step])
  return (
    <ul class="steps">
      {steps.slice(0, listedMax).map(([name, step]) => (
        <li key={name} class={`step step-${step.step}`}>
          <a href={nodePath(name)}>{name}</a> <span>{messageOf(name, step)}</span>
        </li>
      ))}
      {steps.length > listedMax ? <li class="muted">and {steps.length - listedMax} more</li> : null}
    </ul>
  )
}

/** The server's lines begin with the node's name, which stands before it here. */
function messageOf(name: string, { message }: NodeStep): string {
  return message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message
}

function BuildEntry({ build }: { build: ImageBuild }) {
  const { builds } = useDashboard()
  const running = build.state === 'running'
  return (
    <section
      class={`entry${build.state === 'failed' ? ' entry-failed' : build.state === 'done' ? ' entry-done' : ''}`}
    >
      <div class="entry-head">
        <h3>Build {build.image}</h3>
        <button
          type="button"
          class="button small"
          onClick={() => (running ? builds.end(build.id) : builds.dismiss(build.id))}
        >
          {running ? 'End it' : 'Dismiss'}
        </button>
      </div>
      {running ? <progress aria-label={`Build of ${build.image}`} /> : null}
      <p class="entry-outcome">
        {running ? (build.lines.at(-1) ?? 'starting') : (build.problem ?? build.state)}
      </p>
    </section>
  )
}
