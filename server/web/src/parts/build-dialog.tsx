import { useState } from 'preact/hooks'
import * as v from 'valibot'
import { buildImageRequest, type ImageView } from '../../../src/http/api-schema.ts'
import { useDashboard } from '../dashboard.ts'
import { Dialog } from './dialog.tsx'

export function BuildDialog({ images, onClose }: { images: readonly ImageView[]; onClose: () => void }) {
  const { builds } = useDashboard()
  const [name, setName] = useState('')
  const [from, setFrom] = useState('')
  const [suite, setSuite] = useState('bookworm')
  const [packages, setPackages] = useState('')
  const [problem, setProblem] = useState<string>()

  function build(event: Event): void {
    event.preventDefault()
    const words = packages.split(/[\s,]+/).filter((word) => word !== '')
    const checked = v.safeParse(buildImageRequest, {
      name: name.trim(),
      ...(from === '' ? { suite, ...(words.length > 0 ? { packages: words } : {}) } : { from }),
    })
    if (!checked.success) {
      const [issue] = checked.issues
      setProblem(`${v.getDotPath(issue) ?? 'The image'}: ${issue.message}`)
      return
    }
    builds.start(checked.output)
    onClose()
  }

  return (
    <Dialog title="Build an image" onClose={onClose}>
      <form onSubmit={build}>
        <label class="field">
          Name
          <input
            type="text"
            required
            spellcheck={false}
            autocomplete="off"
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          Starts from
          <select value={from} onChange={(event) => setFrom(event.currentTarget.value)}>
            <option value="">nothing: a new Debian</option>
            {images.map((image) => (
              <option key={image.name} value={image.name}>
                a copy of {image.name}
              </option>
            ))}
          </select>
        </label>
        {from === '' ? (
          <>
            <label class="field">
              Debian release
              <select value={suite} onChange={(event) => setSuite(event.currentTarget.value)}>
                <option value="bookworm">bookworm (12)</option>
                <option value="trixie">trixie (13)</option>
              </select>
            </label>
            <label class="field">
              More packages
              <input
                type="text"
                spellcheck={false}
                autocomplete="off"
                placeholder="vim tcpdump"
                value={packages}
                onInput={(event) => setPackages(event.currentTarget.value)}
              />
            </label>
          </>
        ) : null}
        <p class="problem" role="alert">
          {problem}
        </p>
        <p class="muted">It takes some minutes, and ends when this page is closed.</p>
        <div class="dialog-buttons">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={name.trim() === ''}>
            Build
          </button>
        </div>
      </form>
    </Dialog>
  )
}
