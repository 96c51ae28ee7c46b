import { shortDuration } from '../formats.ts'
import type { Bar, Waterfall } from '../waterfall.ts'
import { ScrollBox } from './scroll-box.tsx'

/** Bars on one time line, each with its time and, where earlier boots are known, how long it usually takes. */
export function BootWaterfall({ waterfall }: { waterfall: Waterfall }) {
  const { bars, totalMs } = waterfall
  return (
    <ScrollBox label="Steps of the boot">
      <table class="waterfall">
        <caption class="unseen">Steps of the boot, with their times</caption>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col" class="waterfall-line">
              <span class="waterfall-scale" aria-hidden="true">
                {[0, 0.25, 0.5, 0.75, 1].map((part) => (
                  <span key={part}>{shortDuration(part * totalMs)}</span>
                ))}
              </span>
              <span class="unseen">Time line</span>
            </th>
            <th scope="col" class="right">
              Took
            </th>
            <th scope="col" class="right">
              Usually
            </th>
          </tr>
        </thead>
        <tbody>
          {bars.map((bar) => (
            <tr key={bar.name} class={`waterfall-${bar.outcome}`}>
              <th scope="row">
                {bar.name}
                {bar.outcome === 'failed' || bar.outcome === 'skipped' ? (
                  <span class="outcome"> {bar.outcome}</span>
                ) : null}
              </th>
              <td class="waterfall-line">
                <BarLine bar={bar} totalMs={totalMs} />
                {bar.note ? <span class="waterfall-note">{bar.note}</span> : null}
              </td>
              <td class="right">{shortDuration(bar.tookMs)}</td>
              <td class="right muted">{bar.usualMs === undefined ? '–' : shortDuration(bar.usualMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  )
}

function BarLine({ bar, totalMs }: { bar: Bar; totalMs: number }) {
  const part = (ms: number) => `${(ms / Math.max(1, totalMs)) * 100}%`
  return (
    <span class="bar-line" aria-hidden="true">
      {bar.usualMs === undefined ? null : (
        <span
          class="bar-usual"
          style={{ left: part(bar.startMs), width: part(Math.min(bar.usualMs, totalMs - bar.startMs)) }}
        />
      )}
      <span class="bar" style={{ left: part(bar.startMs), width: `max(2px, ${part(bar.tookMs)})` }} />
    </span>
  )
}
