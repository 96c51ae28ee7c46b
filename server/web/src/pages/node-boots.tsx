import { useState } from 'preact/hooks'
import { type NodeBoot, type NodeDetails, nodeBoots } from '../../../src/http/api-schema.ts'
import { useDashboard } from '../dashboard.ts'
import { longMoment, shortDuration } from '../formats.ts'
import { BootWaterfall } from '../parts/boot-waterfall.tsx'
import { LoadedNotice, Notice } from '../parts/notice.tsx'
import { ScrollBox } from '../parts/scroll-box.tsx'
import { useLoaded } from '../use-loaded.ts'
import { bootTimeOf, waterfallOf } from '../waterfall.ts'

export function NodeBoots({ node }: { node: NodeDetails }) {
  const { api } = useDashboard()
  const [wanted, setWanted] = useState<string>()
  const path = `nodes/${encodeURIComponent(node.name)}/boots`
  // A boot that goes on is a reason to look again.
  const key = `${path} ${node.bootId} ${node.state} ${node.bootReport?.bootId}`
  const loaded = useLoaded(key, (signal) => api.call({ path, signal }, nodeBoots))
  const boots = loaded.value
  if (!boots) return <LoadedNotice loaded={loaded} what="Boots" />
  if (boots.length === 0) return <Notice kind="empty" title="It was never booted." />
  const shown = boots.find((boot) => boot.bootId === wanted) ?? boots[0]
  if (!shown) return null
  const earlier = boots.slice(boots.indexOf(shown) + 1)
  const waterfall = waterfallOf(shown, earlier)
  return (
    <>
      <section class="card" aria-labelledby="waterfall-title">
        <div class="card-head">
          <h2 id="waterfall-title">
            Boot of {longMoment(shown.startedAt)}
            {waterfall?.bootedMs === undefined ? '' : `, ${shortDuration(waterfall.bootedMs)} until booted`}
          </h2>
          {earlier.some((boot) => boot.report) ? (
            <p class="muted legend">
              <span class="legend-usual" aria-hidden="true" /> usual time: the median of {earlier.length}{' '}
              earlier
              {earlier.length === 1 ? ' boot' : ' boots'}
            </p>
          ) : null}
        </div>
        {waterfall ? (
          <BootWaterfall waterfall={waterfall} />
        ) : (
          <Notice kind="empty" title="Its agent has not reported this boot." />
        )}
      </section>
      <BootList boots={boots} shown={shown} onPick={setWanted} />
    </>
  )
}

function BootList(props: { boots: readonly NodeBoot[]; shown: NodeBoot; onPick: (bootId: string) => void }) {
  const { boots, shown, onPick } = props
  const longest = Math.max(1, ...boots.map((boot) => bootTimeOf(boot) ?? 0))
  return (
    <section class="card" aria-labelledby="boots-title">
      <h2 id="boots-title">Boots</h2>
      <ScrollBox label="Boots">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Begun</th>
              <th scope="col">Image</th>
              <th scope="col">Until booted</th>
              <th scope="col">Problems</th>
              <th scope="col">
                <span class="unseen">Show</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {boots.map((boot) => {
              const time = bootTimeOf(boot)
              const problems = boot.report?.problems ?? []
              return (
                <tr key={boot.bootId} class={boot === shown ? 'row-current' : ''}>
                  <td>{longMoment(boot.startedAt)}</td>
                  <td>{boot.image}</td>
                  <td>
                    <span class="meter">
                      <span
                        class="meter-bar"
                        aria-hidden="true"
                        style={{ width: `${((time ?? 0) / longest) * 100}%` }}
                      />
                      {time === undefined ? 'not booted' : shortDuration(time)}
                    </span>
                  </td>
                  <td class={problems.length > 0 ? 'problem' : 'muted'}>{problems.join('; ') || 'none'}</td>
                  <td class="right">
                    <button
                      type="button"
                      class="button small"
                      aria-pressed={boot === shown}
                      aria-label={`Show the boot of ${longMoment(boot.startedAt)}`}
                      onClick={() => onPick(boot.bootId)}
                    >
                      Show
                    </button>
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </ScrollBox>
    </section>
  )
}
