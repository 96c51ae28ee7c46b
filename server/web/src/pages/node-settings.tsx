import { reasonOf } from '@walt/shared/errors'
import { nodeSettingTable } from '@walt/shared/node-settings'
import { useState } from 'preact/hooks'
import { type NodeDetails, nodeViews } from '../../../src/http/api-schema.ts'
import { useDashboard } from '../dashboard.ts'

const table: Record<string, { help: string; atBoot: boolean }> = nodeSettingTable

/** Settings in force, which can be changed; what was given by a person is marked. */
export function NodeSettings({ node }: { node: NodeDetails }) {
  const { api } = useDashboard()
  const [changes, setChanges] = useState<Record<string, string>>({})
  const [busy, setBusy] = useState(false)
  const [outcome, setOutcome] = useState<{ ok: boolean; text: string }>()
  const { given, effective } = node.settings
  const changed = Object.entries(changes).filter(([name, value]) => value !== String(effective[name]))

  async function save(event: Event): Promise<void> {
    event.preventDefault()
    setBusy(true)
    const body = { nodes: node.name, settings: Object.fromEntries(changed) }
    try {
      await api.call({ method: 'PATCH', path: 'nodes', body }, nodeViews)
      const reboot = changed.some(([name]) => table[name]?.atBoot)
      setOutcome({
        ok: true,
        text: reboot ? 'Done. Reboot the node to see new settings in effect.' : 'Done.',
      })
      setChanges({})
    } catch (thrown) {
      setOutcome({ ok: false, text: reasonOf(thrown) })
    } finally {
      setBusy(false)
    }
  }

  return (
    <form class="card" onSubmit={save} aria-labelledby="settings-title">
      <h2 id="settings-title">Settings</h2>
      <div class="settings">
        {Object.entries(effective).map(([name, value]) => (
          <div key={name} class="setting">
            <label for={`setting-${name}`}>
              {name}
              {name in given ? <span class="mark">set</span> : null}
            </label>
            <input
              id={`setting-${name}`}
              type="text"
              autocomplete="off"
              spellcheck={false}
              aria-describedby={`help-${name}`}
              value={changes[name] ?? String(value)}
              onInput={(event) => setChanges({ ...changes, [name]: event.currentTarget.value })}
            />
            <p id={`help-${name}`} class="muted">
              {table[name]?.help}
              {table[name]?.atBoot ? '; counts from the next boot on' : ''}
            </p>
          </div>
        ))}
      </div>
      <div class="form-end">
        <button type="submit" class="button primary" disabled={busy || changed.length === 0}>
          {busy
            ? 'Saving …'
            : changed.length > 0
              ? `Save ${changed.map(([name]) => name).join(', ')}`
              : 'Save'}
        </button>
        {changed.length > 0 ? (
          <button type="button" class="button" onClick={() => setChanges({})}>
            Undo
          </button>
        ) : null}
        <p class={outcome?.ok === false ? 'problem' : 'muted'} role="status">
          {outcome?.text}
        </p>
      </div>
    </form>
  )
}
