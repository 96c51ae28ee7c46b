/** The dashboard: wiring only. */
import { render } from 'preact'
import { createApi } from './api.ts'
import { App } from './app.tsx'
import { type Dashboard, DashboardProvider, type Session } from './dashboard.ts'
import { createImageBuilds } from './image-builds.ts'
import { createLiveFleet } from './live-fleet.ts'
import { createOperationRunner } from './operation-runner.ts'
import { tokenOfFragment } from './routes.ts'
import { createStore } from './store.ts'
import { keepTheme, readTheme } from './theme.ts'

const tokenKey = 'walt.token'
const clockMs = 5_000
/** Events that come within this time are shown together. */
const gatherMs = 100

/** A token in the address is taken out of it at once, so that it is not in the history or in a copied link. */
function takeGivenToken(): string | undefined {
  const given = tokenOfFragment(location.hash)
  if (given !== undefined) history.replaceState(null, '', location.pathname + location.search)
  return given
}

const session = createStore<Session>({
  token: takeGivenToken() ?? sessionStorage.getItem(tokenKey) ?? undefined,
  refused: false,
})
const api = createApi({
  fetch: (url, init) => fetch(url, init),
  token: () => session.get().token,
  onUnauthorized: () => session.set({ token: undefined, refused: true }),
})
const fleet = createLiveFleet({ api, random: Math.random, soon: (act) => setTimeout(act, gatherMs) })
const theme = createStore(readTheme(localStorage))
const place = createStore(location.pathname + location.search)
const clock = createStore(Date.now())

const dashboard: Dashboard = {
  api,
  fleet,
  operations: createOperationRunner({ api, fleet, now: Date.now }),
  builds: createImageBuilds({ api, now: Date.now }),
  session,
  theme,
  place,
  navigate(path, how) {
    if (how === 'replace') history.replaceState(null, '', path)
    else history.pushState(null, '', path)
    place.set(path)
  },
  clock,
}

function followSession(): void {
  const { token } = session.get()
  if (token === undefined) {
    sessionStorage.removeItem(tokenKey)
    fleet.stop()
  } else {
    sessionStorage.setItem(tokenKey, token)
    fleet.start()
  }
}

keepTheme(theme.get(), localStorage, document.documentElement)
theme.subscribe(() => keepTheme(theme.get(), localStorage, document.documentElement))
session.subscribe(followSession)
followSession()
setInterval(() => clock.set(Date.now()), clockMs)
addEventListener('popstate', () => place.set(location.pathname + location.search))
// The link was opened where the dashboard is open already.
addEventListener('hashchange', () => {
  const token = takeGivenToken()
  if (token !== undefined) session.set({ token, refused: false })
})
addEventListener('beforeunload', (event) => {
  // An image's build ends with its page.
  if (dashboard.builds.store.get().some((build) => build.state === 'running')) event.preventDefault()
})

const root = document.getElementById('app')
if (root) {
  render(
    <DashboardProvider value={dashboard}>
      <App />
    </DashboardProvider>,
    root,
  )
}
