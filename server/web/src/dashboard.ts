/** Everything that the pages share, wired once in main.tsx and handed down by context. */
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Api } from './api.ts'
import type { ImageBuilds } from './image-builds.ts'
import type { LiveFleet } from './live-fleet.ts'
import type { OperationRunner } from './operation-runner.ts'
import type { Store } from './store.ts'
import type { Theme } from './theme.ts'

export type Session = { token: string | undefined; refused: boolean }

export type Dashboard = {
  api: Api
  fleet: LiveFleet
  operations: OperationRunner
  builds: ImageBuilds
  session: Store<Session>
  theme: Store<Theme>
  /** Path and query of the page that is shown. */
  place: Store<string>
  /** Shows another page; `replace` where it is the same page seen otherwise. */
  navigate(path: string, how?: 'replace'): void
  /** Ticks for what tells how long ago something was. */
  clock: Store<number>
}

const context = createContext<Dashboard | undefined>(undefined)
export const DashboardProvider = context.Provider

export function useDashboard(): Dashboard {
  const dashboard = useContext(context)
  if (!dashboard) throw new Error('a page is rendered outside of DashboardProvider')
  return dashboard
}
