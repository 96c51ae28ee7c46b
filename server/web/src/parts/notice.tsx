import type { ComponentChildren } from 'preact'
import { Glyph } from './glyph.tsx'

/** What stands where there is nothing to show, and why. */
export function Notice(props: {
  kind: 'empty' | 'loading' | 'error'
  title: string
  children?: ComponentChildren
}) {
  const { kind, title, children } = props
  return (
    <div class={`notice notice-${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
      {kind === 'loading' ? <span class="spinner" aria-hidden="true" /> : null}
      {kind === 'error' ? <Glyph name="warning" /> : null}
      <div>
        <p class="notice-title">{title}</p>
        {children ? <div class="notice-text">{children}</div> : null}
      </div>
    </div>
  )
}

/** The same three for something that is loaded. */
export function LoadedNotice(props: {
  loaded: { value: unknown; problem: string | undefined; reload: () => void }
  what: string
}) {
  const { loaded, what } = props
  if (loaded.problem !== undefined) {
    return (
      <Notice kind="error" title={`${what} could not be loaded.`}>
        <p>{loaded.problem}</p>
        <button type="button" class="button" onClick={loaded.reload}>
          Try again
        </button>
      </Notice>
    )
  }
  return loaded.value === undefined ? (
    <Notice kind="loading" title={`Loading ${what.toLowerCase()} …`} />
  ) : null
}
