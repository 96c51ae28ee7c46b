import { reasonOf } from '@walt/shared/errors'
import { humanSize } from '@walt/shared/sizes'
import { useEffect, useState } from 'preact/hooks'
import * as v from 'valibot'
import { type ImageView, imageViews, type NodeView } from '../../../src/http/api-schema.ts'
import { useDashboard } from '../dashboard.ts'
import { longMoment, plural, shortDuration } from '../formats.ts'
import type { ImageBuild } from '../image-builds.ts'
import { BuildDialog } from '../parts/build-dialog.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { LoadedNotice, Notice } from '../parts/notice.tsx'
import { fleetPath } from '../routes.ts'
import { useStore } from '../store.ts'
import { useLoaded } from '../use-loaded.ts'

export function ImagesPage() {
  const { api, builds, fleet } = useDashboard()
  const running = useStore(builds.store)
  const nodes = useStore(fleet.store, (one) => one.nodes)
  const loaded = useLoaded('images', (signal) => api.call({ path: 'images', signal }, imageViews))
  const [building, setBuilding] = useState(false)
  const [removing, setRemoving] = useState<ImageView>()
  const done = running.filter((build) => build.state !== 'running').length

  const { reload } = loaded
  // Its dependencies: a build that ended may have made an image
  useEffect(reload, [done])

  return (
    <>
      <div class="page-head">
        <h1 tabIndex={-1}>Images</h1>
        <div class="actions">
          <button type="button" class="button primary" onClick={() => setBuilding(true)}>
            Build an image
          </button>
        </div>
      </div>
      {running.map((build) => (
        <BuildProgress key={build.id} build={build} />
      ))}
      {!loaded.value ? (
        <LoadedNotice loaded={loaded} what="Images" />
      ) : loaded.value.length === 0 ? (
        <Notice kind="empty" title="There are no images yet.">
          <p>Nodes need one to boot.</p>
        </Notice>
      ) : (
        <ul class="images">
          {loaded.value.map((image) => (
            <ImageCard key={image.name} image={image} nodes={nodes} onRemove={() => setRemoving(image)} />
          ))}
        </ul>
      )}
      {building ? <BuildDialog images={loaded.value ?? []} onClose={() => setBuilding(false)} /> : null}
      {removing ? (
        <RemoveDialog image={removing} onClose={() => setRemoving(undefined)} onRemoved={reload} />
      ) : null}
    </>
  )
}

function ImageCard(props: { image: ImageView; nodes: ReadonlyMap<string, NodeView>; onRemove: () => void }) {
  const { image, nodes, onRemove } = props
  const running = [...nodes.values()].filter((node) => node.runningImage === image.name)
  const next = [...nodes.values()].filter((node) => node.image === image.name)
  const used = running.length + next.length > 0
  return (
    <li class="card">
      <div class="card-head">
        <h2>{image.name}</h2>
        <button
          type="button"
          class="button small"
          disabled={used}
          aria-label={`Remove ${image.name}`}
          title={used ? 'It is in use.' : undefined}
          onClick={onRemove}
        >
          Remove
        </button>
      </div>
      {image.problem ? <p class="problem">{image.problem}</p> : null}
      <dl class="facts">
        <div>
          <dt>Release</dt>
          <dd>{image.suite ?? 'unknown'}</dd>
        </div>
        <div>
          <dt>Built</dt>
          <dd>{image.builtAt === undefined ? 'unknown' : longMoment(image.builtAt)}</dd>
        </div>
        <div>
          <dt>Size</dt>
          <dd>{image.sizeBytes === undefined ? 'unknown' : humanSize(image.sizeBytes)}</dd>
        </div>
        <div>
          <dt>Models</dt>
          <dd>{image.models.join(', ') || 'none'}</dd>
        </div>
        <div>
          <dt>Runs on</dt>
          <dd>{plural(running.length, 'node')}</dd>
        </div>
        <div>
          <dt>Will be booted by</dt>
          <dd>
            {next.length === 0 ? (
              plural(0, 'node')
            ) : (
              <a href={fleetPath(`image:${image.name}`)}>{plural(next.length, 'node')}</a>
            )}
          </dd>
        </div>
      </dl>
    </li>
  )
}

function BuildProgress({ build }: { build: ImageBuild }) {
  const { builds, clock } = useDashboard()
  const now = useStore(clock)
  const running = build.state === 'running'
  const words = { running: 'being built', done: 'built', failed: 'failed', ended: 'ended by you' }
  return (
    <section class="card build" aria-label={`Build of ${build.image}`}>
      <div class="card-head">
        <h2>
          {build.image}: {words[build.state]}
        </h2>
        <p class="muted">{shortDuration(Math.max(0, (build.endedAt ?? now) - build.startedAt))}</p>
        <button
          type="button"
          class="button small"
          onClick={() => (running ? builds.end(build.id) : builds.dismiss(build.id))}
        >
          {running ? 'End the build' : 'Dismiss'}
        </button>
      </div>
      {build.problem ? <p class="problem">{build.problem}</p> : null}
      {running ? <p class="muted">It ends when this page is closed.</p> : null}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="terminal" aria-label={`Progress of ${build.image}`} tabIndex={0}>
        <pre>{build.lines.slice(-200).join('\n') || 'Starting …'}</pre>
      </section>
    </section>
  )
}

function RemoveDialog(props: { image: ImageView; onClose: () => void; onRemoved: () => void }) {
  const { image, onClose, onRemoved } = props
  const { api } = useDashboard()
  const [problem, setProblem] = useState<string>()
  async function remove(event: Event): Promise<void> {
    event.preventDefault()
    try {
      await api.call({ method: 'DELETE', path: `images/${encodeURIComponent(image.name)}` }, v.undefined())
      onRemoved()
      onClose()
    } catch (thrown) {
      setProblem(reasonOf(thrown))
    }
  }
  return (
    <Dialog title={`Remove ${image.name}?`} onClose={onClose}>
      <form onSubmit={remove}>
        <p>Its files are deleted from the server.</p>
        <p class="problem" role="alert">
          {problem}
        </p>
        <div class="dialog-buttons">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button danger">
            Remove {image.name}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
