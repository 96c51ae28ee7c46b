import { limits } from '@walt/shared/limits'
import { useEffect } from 'preact/hooks'
import { type NodeDetails, type NodeView, nodeDetails } from '../../../src/http/api-schema.ts'
import { useDashboard } from '../dashboard.ts'
import { ago, longMoment } from '../formats.ts'
import { ActionButtons } from '../parts/action-buttons.tsx'
import { LoadedNotice, Notice } from '../parts/notice.tsx'
import { StateBadge } from '../parts/state-icon.tsx'
import { type NodeTab, nodePath, nodeTabs } from '../routes.ts'
import { useStore } from '../store.ts'
import { useLoaded } from '../use-loaded.ts'
import { NodeBoots } from './node-boots.tsx'
import { NodeConsole } from './node-console.tsx'
import { NodeFiles } from './node-files.tsx'
import { NodeLogs } from './node-logs.tsx'
import { NodeOverview } from './node-overview.tsx'
import { NodeSettings } from './node-settings.tsx'

const labels: Record<NodeTab, string> = {
  overview: 'Overview',
  boots: 'Boots',
  logs: 'Logs',
  console: 'Console',
  files: 'Changed files',
  settings: 'Settings',
}

export function NodePage({ name, tab }: { name: string; tab: NodeTab }) {
  const { api, fleet } = useDashboard()
  const live = useStore(fleet.store, (one) => one.nodes.get(name))
  const path = `nodes/${encodeURIComponent(name)}`
  const load = (signal: AbortSignal) => api.call({ path, signal }, nodeDetails)
  const loaded = useLoaded(path, load, limits.webRefreshMs)
  const { value, code, reload } = loaded

  // What an event does not carry is asked for again: reports, history.
  // Its dependencies: a change of them is what it is about
  useEffect(reload, [live?.state, live?.bootId, live?.cause])

  if (code === 'node-unknown') {
    return (
      <>
        <h1 tabIndex={-1}>{name}</h1>
        <Notice kind="empty" title={`There is no node named ${name}.`}>
          <a href="/">All nodes</a>
        </Notice>
      </>
    )
  }
  // Of the two, events are newer.
  const details: NodeDetails | undefined = value && { ...value, ...live }
  const node = live ?? value
  return (
    <>
      <p class="crumbs">
        <a href="/">Nodes</a> <span aria-hidden="true">/</span>
      </p>
      <div class="page-head">
        <h1 tabIndex={-1}>{name}</h1>
        {node ? <NodeState node={node} /> : null}
        {node ? <ActionButtons nodes={[node]} /> : null}
      </div>
      <nav class="tabs" aria-label={`Parts of ${name}`}>
        {nodeTabs
          .filter((one) => one !== 'console' || node?.virtual !== false)
          .map((one) => (
            <a key={one} href={nodePath(name, one)} aria-current={one === tab ? 'page' : undefined}>
              {labels[one]}
            </a>
          ))}
      </nav>
      {details ? <Tab details={details} tab={tab} /> : <LoadedNotice loaded={loaded} what={`Node ${name}`} />}
    </>
  )
}

function Tab({ details, tab }: { details: NodeDetails; tab: NodeTab }) {
  if (tab === 'boots') return <NodeBoots node={details} />
  if (tab === 'logs') return <NodeLogs node={details} />
  if (tab === 'console') return <NodeConsole node={details} />
  if (tab === 'files') return <NodeFiles node={details} />
  if (tab === 'settings') return <NodeSettings node={details} />
  return <NodeOverview node={details} />
}

function NodeState({ node }: { node: NodeView }) {
  const { clock } = useDashboard()
  const now = useStore(clock)
  return (
    <p class="node-state" role="status">
      <StateBadge state={node.state} degraded={node.degraded} />
      <span class="muted">
        <time dateTime={new Date(node.since).toISOString()} title={longMoment(node.since)}>
          {ago(node.since, now)}
        </time>
        {node.cause ? `, ${node.cause}` : ''}
      </span>
    </p>
  )
}
