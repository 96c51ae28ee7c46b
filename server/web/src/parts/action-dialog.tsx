/** Asks before nodes are touched: what will be done, to which of them, and how. */
import { useState } from 'preact/hooks'
import { imageViews, type NodeView } from '../../../src/http/api-schema.ts'
import { useDashboard } from '../dashboard.ts'
import { plural } from '../formats.ts'
import { nodeSetOf } from '../node-order.ts'
import type { OperationKind } from '../operations.ts'
import { useLoaded } from '../use-loaded.ts'
import { Dialog } from './dialog.tsx'
import { LoadedNotice } from './notice.tsx'

type RebootKind = 'reboot' | 'hard-reboot' | 'userspace-reboot'
const rebootVerbs: Record<RebootKind, string> = {
  reboot: 'Reboot',
  'hard-reboot': 'Hard-reboot',
  'userspace-reboot': 'Restart user space of',
}

export type ActionName = 'reboot' | 'boot' | 'blink' | 'wait'

const titles: Record<ActionName, string> = {
  reboot: 'Reboot',
  boot: 'Boot an image',
  blink: 'Blink',
  wait: 'Wait until booted',
}

export function ActionDialog(props: {
  action: ActionName
  nodes: readonly NodeView[]
  onClose: () => void
  onStarted?: () => void
}) {
  const { action, nodes, onClose, onStarted } = props
  const { operations } = useDashboard()
  const [how, setHow] = useState<RebootKind>('reboot')
  const [ifChanged, setIfChanged] = useState(false)
  const [image, setImage] = useState('')
  const [off, setOff] = useState(false)

  const kinds: Record<ActionName, OperationKind> = {
    reboot: how,
    boot: 'boot',
    blink: off ? 'unblink' : 'blink',
    wait: 'wait',
  }

  function confirm(event: Event): void {
    event.preventDefault()
    operations.start({ kind: kinds[action], nodes, image, ifChanged })
    onStarted?.()
    onClose()
  }

  const verbs: Record<ActionName, string> = {
    reboot: rebootVerbs[how],
    boot: 'Boot',
    blink: off ? 'Stop blinking' : 'Blink',
    wait: 'Wait for',
  }
  const who = nodes.length === 1 ? (nodes[0]?.name ?? '') : plural(nodes.length, 'node')
  return (
    <Dialog title={`${titles[action]}: ${who}`} onClose={onClose}>
      <form onSubmit={confirm}>
        {nodes.length > 1 ? <p class="node-set">{nodeSetOf(nodes.map((node) => node.name))}</p> : null}
        {action === 'reboot' ? (
          <RebootChoices how={how} setHow={setHow} ifChanged={ifChanged} setIfChanged={setIfChanged} />
        ) : null}
        {action === 'boot' ? <ImageChoice nodes={nodes} image={image} setImage={setImage} /> : null}
        {action === 'blink' ? (
          <fieldset>
            <legend>The nodes’ lights</legend>
            <Choice name="blink" checked={!off} onPick={() => setOff(false)} label="blink" />
            <Choice name="blink" checked={off} onPick={() => setOff(true)} label="stop blinking" />
          </fieldset>
        ) : null}
        {action === 'wait' ? (
          <p>Tells when every node is booted, or lost. Nothing is done to the nodes.</p>
        ) : null}
        {action === 'reboot' || action === 'boot' ? (
          <p class="caution">What was changed outside of /persist is lost.</p>
        ) : null}
        <div class="dialog-buttons">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            class={`button ${action === 'reboot' || action === 'boot' ? 'danger' : 'primary'}`}
            disabled={action === 'boot' && image === ''}
          >
            {verbs[action]} {who}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function RebootChoices(props: {
  how: RebootKind
  setHow: (how: RebootKind) => void
  ifChanged: boolean
  setIfChanged: (only: boolean) => void
}) {
  const { how, setHow, ifChanged, setIfChanged } = props
  return (
    <>
      <fieldset>
        <legend>How</legend>
        <Choice
          name="how"
          checked={how === 'reboot'}
          onPick={() => setHow('reboot')}
          label="Soft"
          help="The node is asked; its power is cut only if it does not answer."
        />
        <Choice
          name="how"
          checked={how === 'hard-reboot'}
          onPick={() => setHow('hard-reboot')}
          label="Hard"
          help="Its power is cut at once, whatever it is doing."
        />
        <Choice
          name="how"
          checked={how === 'userspace-reboot'}
          onPick={() => setHow('userspace-reboot')}
          label="User space only"
          help="Its kernel runs on; the system above it is started anew."
        />
      </fieldset>
      <label class="choice">
        <input
          type="checkbox"
          checked={ifChanged}
          onChange={(event) => setIfChanged(event.currentTarget.checked)}
        />
        <span>Only nodes that a reboot would change</span>
      </label>
    </>
  )
}

function Choice(props: { name: string; checked: boolean; onPick: () => void; label: string; help?: string }) {
  const { name, checked, onPick, label, help } = props
  return (
    <label class="choice">
      <input type="radio" name={name} checked={checked} onChange={onPick} />
      <span>
        {label}
        {help ? <span class="choice-help">{help}</span> : null}
      </span>
    </label>
  )
}

function ImageChoice(props: {
  nodes: readonly NodeView[]
  image: string
  setImage: (image: string) => void
}) {
  const { nodes, image, setImage } = props
  const { api } = useDashboard()
  const images = useLoaded('images', (signal) => api.call({ path: 'images', signal }, imageViews))
  if (!images.value) return <LoadedNotice loaded={images} what="Images" />
  const models = new Set(nodes.map((node) => node.model))
  const fits = images.value.filter(
    (one) => one.problem === undefined && [...models].every((model) => one.models.includes(model)),
  )
  if (fits.length === 0) return <p class="problem">No image has a kernel for {[...models].join(', ')}.</p>
  return (
    <label class="field">
      Image
      <select value={image} onChange={(event) => setImage(event.currentTarget.value)} required>
        <option value="">Choose one …</option>
        {fits.map((one) => (
          <option key={one.name} value={one.name}>
            {one.name}
          </option>
        ))}
      </select>
    </label>
  )
}
