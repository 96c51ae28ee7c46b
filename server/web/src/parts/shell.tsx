/** What is around every page: where one can go, how the connection is, and what is under way. */
import type { ComponentChildren } from 'preact'
import { useDashboard } from '../dashboard.ts'
import type { Route } from '../routes.ts'
import { useStore } from '../store.ts'
import { themes } from '../theme.ts'
import { ActivityTray } from './activity-tray.tsx'
import { Glyph } from './glyph.tsx'

const places = [
  { page: 'fleet', path: '/', label: 'Nodes' },
  { page: 'images', path: '/images', label: 'Images' },
  { page: 'alerts', path: '/alerts', label: 'Alerts' },
] as const

export function Shell({ route, children }: { route: Route; children: ComponentChildren }) {
  const { fleet } = useDashboard()
  const alerts = useStore(fleet.store, (one) => one.alerts).filter((one) => one.resolvedAt === undefined)
  const current = route.page === 'node' ? 'fleet' : route.page
  return (
    <>
      <button type="button" class="skip" onClick={skipToMain}>
        Skip to the content
      </button>
      <header class="top">
        <a class="brand" href="/">
          <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true" focusable="false">
            <rect width="32" height="32" rx="7" />
            <path d="M6 10l4.5 13L16 12l5.5 11L26 10" />
          </svg>
          WalT
        </a>
        <nav aria-label="Pages">
          {places.map(({ page, path, label }) => (
            <a key={page} href={path} aria-current={page === current ? 'page' : undefined}>
              {label}
              {page === 'alerts' && alerts.length > 0 ? (
                <span class="count">
                  {alerts.length}
                  <span class="unseen"> on</span>
                </span>
              ) : null}
            </a>
          ))}
        </nav>
        <div class="top-end">
          <ConnectionState />
          <ThemeButton />
          <LogoutButton />
        </div>
      </header>
      <ConnectionBanner />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <ActivityTray />
    </>
  )
}

function skipToMain(): void {
  document.getElementById('main')?.focus()
}

function ConnectionState() {
  const { fleet } = useDashboard()
  const connection = useStore(fleet.store, (one) => one.connection)
  const words = { live: 'live', loading: 'connecting', reconnecting: 'reconnecting' }
  return (
    <span class={`connection connection-${connection}`} role="status">
      <span class="connection-dot" aria-hidden="true" />
      {words[connection]}
    </span>
  )
}

function ConnectionBanner() {
  const { fleet } = useDashboard()
  const { connection, problem } = useStore(fleet.store)
  if (connection === 'live' || problem === undefined) return null
  return (
    <div class="banner" role="alert">
      <Glyph name="warning" />
      <span>
        {problem} Trying again
        {connection === 'reconnecting' ? '; what you see is how things stood before.' : '.'}
      </span>
    </div>
  )
}

function ThemeButton() {
  const { theme } = useDashboard()
  const current = useStore(theme)
  const next = themes[(themes.indexOf(current) + 1) % themes.length] ?? 'system'
  const glyphs = { system: 'system', light: 'sun', dark: 'moon' } as const
  return (
    <button
      type="button"
      class="button icon-button"
      title={`Colours: ${current}`}
      aria-label={`Colours: ${current}. Change to ${next}`}
      onClick={() => theme.set(next)}
    >
      <Glyph name={glyphs[current]} />
    </button>
  )
}

function LogoutButton() {
  const { session } = useDashboard()
  return (
    <button
      type="button"
      class="button icon-button"
      title="Log out"
      aria-label="Log out"
      onClick={() => session.set({ token: undefined, refused: false })}
    >
      <Glyph name="power" />
    </button>
  )
}
