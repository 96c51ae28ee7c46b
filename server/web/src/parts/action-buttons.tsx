import { useState } from 'preact/hooks'
import type { NodeView } from '../../../src/http/api-schema.ts'
import { ActionDialog, type ActionName } from './action-dialog.tsx'
import { Glyph, type GlyphName } from './glyph.tsx'

const actions: { name: ActionName; label: string; glyph: GlyphName }[] = [
  { name: 'reboot', label: 'Reboot', glyph: 'restart' },
  { name: 'boot', label: 'Boot image', glyph: 'image' },
  { name: 'blink', label: 'Blink', glyph: 'blink' },
  { name: 'wait', label: 'Wait', glyph: 'wait' },
]

/** What can be done to nodes, each after a question. */
export function ActionButtons({ nodes, onStarted }: { nodes: readonly NodeView[]; onStarted?: () => void }) {
  const [asking, setAsking] = useState<{ action: ActionName; nodes: readonly NodeView[] }>()
  return (
    <div class="actions">
      {actions.map(({ name, label, glyph }) => (
        <button
          key={name}
          type="button"
          class="button"
          disabled={nodes.length === 0}
          // The nodes of the question are those of this moment.
          onClick={() => setAsking({ action: name, nodes })}
        >
          <Glyph name={glyph} />
          {label}
        </button>
      ))}
      {asking ? (
        <ActionDialog
          action={asking.action}
          nodes={asking.nodes}
          onClose={() => setAsking(undefined)}
          {...(onStarted ? { onStarted } : {})}
        />
      ) : null}
    </div>
  )
}
