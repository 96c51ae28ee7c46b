import { limits } from '@walt/shared/limits'
import { useState } from 'preact/hooks'
import { commandAnswer, type LogLine, logPage, type NodeDetails } from '../../../src/http/api-schema.ts'
import type { Api } from '../api.ts'
import { useDashboard } from '../dashboard.ts'
import { longMoment } from '../formats.ts'
import { LoadedNotice, Notice } from '../parts/notice.tsx'
import { ranges } from '../plots.ts'
import { useLoaded } from '../use-loaded.ts'

/** Of a node that says a lot, no more than so many pages are fetched. */
const pagesMax = 5
const shownMax = 500

export function NodeLogs({ node }: { node: NodeDetails }) {
  const { api } = useDashboard()
  const [range, setRange] = useState<LogRange>('hour')
  const loaded = useLoaded(
    `logs ${node.name} ${range}`,
    (signal) => readLog(api, node.name, Date.now() - logRanges[range], signal),
    limits.webRefreshMs,
  )
  const lines = loaded.value
  return (
    <>
      <section class="card" aria-labelledby="logs-title">
        <div class="card-head">
          <h2 id="logs-title">Log</h2>
          <fieldset class="segments">
            <legend class="unseen">Time shown</legend>
            {(Object.keys(logRanges) as LogRange[]).map((one) => (
              <button key={one} type="button" aria-pressed={one === range} onClick={() => setRange(one)}>
                Last {one}
              </button>
            ))}
          </fieldset>
        </div>
        {!lines ? (
          <LoadedNotice loaded={loaded} what="Log" />
        ) : lines.length === 0 ? (
          <Notice kind="empty" title={`Nothing was said in the last ${range}.`} />
        ) : (
          <LogLines lines={lines} />
        )}
      </section>
      <KernelLog node={node} />
    </>
  )
}

const logRanges = { hour: ranges.hour, day: ranges.day } as const
type LogRange = keyof typeof logRanges

/** Newest first. */
async function readLog(api: Api, node: string, from: number, signal: AbortSignal): Promise<LogLine[]> {
  const lines: LogLine[] = []
  let cursor: string | undefined
  for (let page = 0; page < pagesMax; page += 1) {
    const query = new URLSearchParams({ issuers: node, from: String(from) })
    if (cursor !== undefined) query.set('cursor', cursor)
    const answer = await api.call({ path: `logs?${query}`, signal }, logPage)
    lines.push(...answer.lines)
    cursor = answer.next
    if (cursor === undefined) break
  }
  return lines.toReversed().slice(0, shownMax)
}

function LogLines({ lines }: { lines: readonly LogLine[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <ol class="log" tabIndex={0} aria-label="Log lines, newest first">
      {lines.map((line) => (
        <li key={line.id} class={`log-${line.level}`}>
          <time dateTime={new Date(line.at).toISOString()}>{longMoment(line.at)}</time>
          <span class="log-stream">
            {line.stream}
            {line.level === 'info' ? '' : `, ${line.level}`}
          </span>
          <span class="log-message">{line.message}</span>
        </li>
      ))}
    </ol>
  )
}

/** It is long, and the node is asked for it: only when somebody wants it. */
function KernelLog({ node }: { node: NodeDetails }) {
  const [wanted, setWanted] = useState(false)
  return (
    <section class="card" aria-labelledby="kernel-title">
      <div class="card-head">
        <h2 id="kernel-title">Kernel log</h2>
        {wanted ? null : (
          <button type="button" class="button" onClick={() => setWanted(true)}>
            Ask the node for it
          </button>
        )}
      </div>
      {wanted ? <KernelLogText name={node.name} /> : null}
    </section>
  )
}

function KernelLogText({ name }: { name: string }) {
  const { api } = useDashboard()
  const loaded = useLoaded(`dmesg ${name}`, async (signal) => {
    const body = { nodes: name, command: 'dmesg' }
    const answer = await api.call({ method: 'POST', path: 'nodes/command', body, signal }, commandAnswer)
    return answer.results[0]
  })
  const { value } = loaded
  if (value === undefined) return <LoadedNotice loaded={loaded} what="Kernel log" />
  if (!value.ok) return <Notice kind="error" title={value.message} />
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="terminal" aria-label="Kernel log" tabIndex={0}>
      <pre>{value.output}</pre>
    </section>
  )
}
