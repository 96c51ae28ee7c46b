/** Addresses of the dashboard's pages, and back. Pure. */

export const nodeTabs = ['overview', 'boots', 'logs', 'console', 'files', 'settings'] as const
export type NodeTab = (typeof nodeTabs)[number]

export type Route =
  | { page: 'fleet'; search: string }
  | { page: 'node'; name: string; tab: NodeTab }
  | { page: 'images' }
  | { page: 'alerts' }
  | { page: 'unknown' }

export function routeOf(path: string): Route {
  const { pathname, search } = new URL(path, 'http://localhost')
  const parts = pathname.split('/').filter((part) => part !== '')
  const [first, name, tab = 'overview'] = parts
  if (first === undefined) return { page: 'fleet', search }
  if (parts.length === 1 && (first === 'images' || first === 'alerts')) return { page: first }
  const known = nodeTabs.find((one) => one === tab)
  if (first === 'nodes' && name !== undefined && known && parts.length <= 3)
    return { page: 'node', name: decoded(name), tab: known }
  return { page: 'unknown' }
}

export function nodePath(name: string, tab: NodeTab = 'overview'): string {
  return `/nodes/${encodeURIComponent(name)}${tab === 'overview' ? '' : `/${tab}`}`
}

/** The fleet page, showing a node set or what matches some words. */
export const fleetPath = (text: string) => (text === '' ? '/' : `/?${new URLSearchParams({ q: text })}`)

/** The token in `#token=...`, as "walt dashboard" prints it. */
export function tokenOfFragment(fragment: string): string | undefined {
  return new URLSearchParams(fragment.replace(/^#/, '')).get('token') || undefined
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // It is no name of a node then, and the page says so.
    return text
  }
}
