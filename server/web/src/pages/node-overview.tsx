import { limits } from '@walt/shared/limits'
import { humanSize } from '@walt/shared/sizes'
import { useMemo, useState } from 'preact/hooks'
import { type NodeDetails, nodeHistory } from '../../../src/http/api-schema.ts'
import { useDashboard } from '../dashboard.ts'
import { ago, longMoment, percent, shortDuration } from '../formats.ts'
import { LoadedNotice, Notice } from '../parts/notice.tsx'
import { Plot } from '../parts/plot.tsx'
import { StateBadge } from '../parts/state-icon.tsx'
import { plotData, plotSpecs, type RangeName, ranges } from '../plots.ts'
import { useStore } from '../store.ts'
import { useDarkness } from '../use-darkness.ts'
import { useLoaded } from '../use-loaded.ts'

export function NodeOverview({ node }: { node: NodeDetails }) {
  return (
    <>
      {node.bootReport?.problems.length ? (
        <Notice kind="error" title="Its boot had problems.">
          <ul>
            {node.bootReport.problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        </Notice>
      ) : null}
      <NodeAlerts name={node.name} />
      <NodePlots node={node} />
      <div class="columns">
        <StateHistory node={node} />
        <Facts node={node} />
      </div>
    </>
  )
}

function NodeAlerts({ name }: { name: string }) {
  const { fleet } = useDashboard()
  const on = useStore(fleet.store, (one) => one.alerts).filter(
    (alert) => alert.node === name && alert.resolvedAt === undefined,
  )
  if (on.length === 0) return null
  return (
    <Notice kind="error" title={on.length === 1 ? 'An alert is on.' : `${on.length} alerts are on.`}>
      <ul>
        {on.map((alert) => (
          <li key={alert.id}>{alert.message}</li>
        ))}
      </ul>
    </Notice>
  )
}

function NodePlots({ node }: { node: NodeDetails }) {
  const { api, theme } = useDashboard()
  const dark = useDarkness(useStore(theme))
  const [range, setRange] = useState<RangeName>('hour')
  const path = `nodes/${encodeURIComponent(node.name)}/history`
  const loaded = useLoaded(
    `${path} ${range}`,
    async (signal) => {
      const to = Date.now()
      const from = to - ranges[range]
      return {
        from,
        to,
        history: await api.call({ path: `${path}?from=${from}&to=${to}`, signal }, nodeHistory),
      }
    },
    range === 'hour' ? limits.webRefreshMs : limits.webRefreshMs * 6,
  )
  const { value } = loaded
  const plots = useMemo(
    () =>
      value
        ? plotSpecs.flatMap((spec) => {
            const data = plotData(spec, value.history)
            return data ? [{ spec, data }] : []
          })
        : [],
    [value],
  )
  const { telemetry } = node
  return (
    <section class="card" aria-labelledby="plots-title">
      <div class="card-head">
        <h2 id="plots-title">Load and memory</h2>
        <fieldset class="segments">
          <legend class="unseen">Time shown</legend>
          {(Object.keys(ranges) as RangeName[]).map((one) => (
            <button key={one} type="button" aria-pressed={one === range} onClick={() => setRange(one)}>
              Last {one}
            </button>
          ))}
        </fieldset>
      </div>
      {!value ? (
        <LoadedNotice loaded={loaded} what="History" />
      ) : plots.length === 0 ? (
        <Notice kind="empty" title="The node has told nothing of itself in this time.">
          <p>It does so every 10 s while it is booted.</p>
        </Notice>
      ) : (
        <div class="plots">
          {plots.map(({ spec, data }) => (
            <Plot
              key={spec.key}
              spec={spec}
              data={data}
              from={value.from}
              to={value.to}
              total={telemetry && spec.total?.(telemetry)}
              theme={dark ? 'dark' : 'light'}
            />
          ))}
        </div>
      )}
    </section>
  )
}

function StateHistory({ node }: { node: NodeDetails }) {
  const { clock } = useDashboard()
  const now = useStore(clock)
  return (
    <section class="card" aria-labelledby="history-title">
      <h2 id="history-title">What happened</h2>
      {node.history.length === 0 ? (
        <Notice kind="empty" title="Nothing yet." />
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <ol class="timeline" tabIndex={0} aria-label="States, newest first">
          {node.history.map((entry) => (
            <li key={`${entry.at}${entry.state}`}>
              <StateBadge state={entry.state} />
              <time dateTime={new Date(entry.at).toISOString()} title={ago(entry.at, now)} class="muted">
                {longMoment(entry.at)}
              </time>
              {entry.cause ? <span class="timeline-cause">{entry.cause}</span> : null}
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}

function Facts({ node }: { node: NodeDetails }) {
  const { telemetry, inventory, bootReport } = node
  const facts: [string, string | undefined][] = [
    ['Image', node.runningImage ?? node.image],
    [
      'Next boot',
      node.runningImage !== undefined && node.runningImage !== node.image ? node.image : undefined,
    ],
    ['Address', node.address],
    ['MAC address', node.mac],
    ['Model', `${node.model}${node.virtual ? ', virtual' : ''}`],
    ['Boot mode', node.mode],
    ['Boot', node.bootId],
    ['Up for', telemetry && shortDuration(telemetry.uptimeSeconds * 1000)],
    [
      'Memory',
      telemetry &&
        `${humanSize(telemetry.memory.availableBytes)} of ${humanSize(telemetry.memory.totalBytes)} available`,
    ],
    [
      'Overlay',
      telemetry?.overlay &&
        `${humanSize(telemetry.overlay.usedBytes)} of ${humanSize(telemetry.overlay.totalBytes)}, ${percent(telemetry.overlay.inodesUsed, telemetry.overlay.inodes)} of inodes`,
    ],
    [
      'Swap',
      telemetry &&
        (telemetry.swap.totalBytes > 0
          ? `${humanSize(telemetry.swap.usedBytes)} of ${humanSize(telemetry.swap.totalBytes)}`
          : 'none'),
    ],
    ['Processor', inventory && `${inventory.processor || inventory.architecture}, ${inventory.cores} cores`],
    ['Machine', inventory && [inventory.manufacturer, inventory.model].filter((word) => word).join(' ')],
    ['System', inventory?.distribution],
    ['Kernel', inventory?.kernel],
    ['Agent', inventory?.agentVersion ?? bootReport?.agentVersion],
  ]
  return (
    <section class="card" aria-labelledby="facts-title">
      <h2 id="facts-title">What it is</h2>
      <dl class="facts">
        {facts.map(([name, value]) =>
          value ? (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ) : null,
        )}
      </dl>
    </section>
  )
}
