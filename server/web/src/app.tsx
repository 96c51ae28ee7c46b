import { useEffect, useRef } from 'preact/hooks'
import { useDashboard } from './dashboard.ts'
import { AlertsPage } from './pages/alerts-page.tsx'
import { FleetPage } from './pages/fleet-page.tsx'
import { ImagesPage } from './pages/images-page.tsx'
import { LoginPage } from './pages/login-page.tsx'
import { NodePage } from './pages/node-page.tsx'
import { Notice } from './parts/notice.tsx'
import { Shell } from './parts/shell.tsx'
import { type Route, routeOf } from './routes.ts'
import { useStore } from './store.ts'

export function App() {
  const { session, place, navigate } = useDashboard()
  const token = useStore(session, (one) => one.token)
  const route = routeOf(useStore(place))

  // Links are plain links: what leads to a page of ours is followed without loading anything.
  useEffect(() => {
    const follow = (event: MouseEvent) => {
      const link = event.target instanceof Element ? event.target.closest('a[href^="/"]') : null
      const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
      if (!(link instanceof HTMLAnchorElement) || !plain || event.defaultPrevented || link.target) return
      event.preventDefault()
      navigate(link.pathname + link.search)
    }
    document.addEventListener('click', follow)
    return () => document.removeEventListener('click', follow)
  }, [navigate])

  if (token === undefined) return <LoginPage />
  return (
    <Shell route={route}>
      <Page route={route} />
    </Shell>
  )
}

function Page({ route }: { route: Route }) {
  const title = titleOf(route)
  const first = useRef(true)
  useEffect(() => {
    document.title = `${title} · WalT`
    // A screen reader starts at the new page's heading.
    if (!first.current) {
      document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true })
      scrollTo(0, 0)
    }
    first.current = false
  }, [title])

  if (route.page === 'fleet') return <FleetPage />
  if (route.page === 'node') return <NodePage key={route.name} name={route.name} tab={route.tab} />
  if (route.page === 'images') return <ImagesPage />
  if (route.page === 'alerts') return <AlertsPage />
  return (
    <>
      <h1 tabIndex={-1}>No such page</h1>
      <Notice kind="empty" title="There is nothing at this address.">
        <a href="/">All nodes</a>
      </Notice>
    </>
  )
}

function titleOf(route: Route): string {
  if (route.page === 'node') return route.name
  const titles = { fleet: 'Nodes', images: 'Images', alerts: 'Alerts', unknown: 'No such page' }
  return titles[route.page]
}
