import type { AlertView } from '../../../src/http/api-schema.ts'
import { useDashboard } from '../dashboard.ts'
import { ago, longMoment, plural } from '../formats.ts'
import { Notice } from '../parts/notice.tsx'
import { nodePath } from '../routes.ts'
import { useStore } from '../store.ts'

export function AlertsPage() {
  const { fleet } = useDashboard()
  const { alerts, connection } = useStore(fleet.store)
  const on = alerts.filter((alert) => alert.resolvedAt === undefined)
  const over = alerts.filter((alert) => alert.resolvedAt !== undefined)
  return (
    <>
      <div class="page-head">
        <h1 tabIndex={-1}>Alerts</h1>
        <p class="muted" role="status">
          {connection === 'loading' ? '' : on.length === 0 ? 'none is on' : `${on.length} on`}
        </p>
      </div>
      {connection === 'loading' ? (
        <Notice kind="loading" title="Loading alerts …" />
      ) : on.length === 0 ? (
        <Notice kind="empty" title="All is as it should be." />
      ) : (
        <AlertList alerts={on} />
      )}
      {over.length > 0 ? (
        <>
          <h2 class="list-title">Over: {plural(over.length, 'alert')}</h2>
          <AlertList alerts={over} />
        </>
      ) : null}
    </>
  )
}

function AlertList({ alerts }: { alerts: readonly AlertView[] }) {
  const { clock } = useDashboard()
  const now = useStore(clock)
  return (
    <ul class="alerts">
      {alerts.map((alert) => (
        <li key={alert.id} class={`alert alert-${alert.resolvedAt === undefined ? alert.level : 'over'}`}>
          <span class="alert-level">{alert.resolvedAt === undefined ? alert.level : 'over'}</span>
          <span class="alert-text">
            {alert.node ? <a href={nodePath(alert.node)}>{alert.node}</a> : 'server'}: {alert.message}
          </span>
          <time class="muted" dateTime={new Date(alert.since).toISOString()} title={longMoment(alert.since)}>
            {ago(alert.since, now)}
          </time>
        </li>
      ))}
    </ul>
  )
}
