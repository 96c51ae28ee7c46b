/** One plot of a node's history, drawn by uPlot; its newest and greatest values stand beside it in words. */
import { useEffect, useRef, useState } from 'preact/hooks'
import UPlot from 'uplot'
import { clockTime, formatValue, longMoment, type Unit } from '../formats.ts'
import { type PlotData, type PlotSpec, summary } from '../plots.ts'

const height = 132
const colours = ['--plot-1', '--plot-2'] as const
/** Series are told apart without colour as well. */
const dashes = [[], [5, 4]] as const

type Hovered = { at: number; values: (number | null)[] }

export function Plot(props: {
  spec: PlotSpec
  data: PlotData
  from: number
  to: number
  total: number | undefined
  /** Drawn anew when it changes. */
  theme: string
}) {
  const { spec, data, from, to, total, theme } = props
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot | undefined>(undefined)
  const [hovered, setHovered] = useState<Hovered>()
  const range = useRef({ from, to, total })
  range.current = { from, to, total }

  // Its dependencies: data and range are set below, without drawing all anew
  useEffect(() => {
    const element = place.current
    if (!element) return
    const made = new UPlot(optionsOf(spec, element, range, setHovered), data, element)
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [spec, theme])

  // Its dependencies: the scales are read from `range`
  useEffect(() => plot.current?.setData(data), [data, from, to, total])

  return (
    <figure class="plot">
      <figcaption>
        <span class="plot-title">{spec.title}</span>
        <span class="plot-values">
          {spec.series.map(({ label }, index) => (
            <span key={label} class="plot-value">
              {spec.series.length > 1 ? (
                <>
                  <span class={`plot-key plot-key-${index + 1}`} aria-hidden="true" />
                  {label}{' '}
                </>
              ) : null}
              <ValueText
                column={data[index + 1] as PlotData[1]}
                value={hovered?.values[index]}
                unit={spec.unit}
              />
            </span>
          ))}
          <span class="muted">
            {hovered
              ? clockTime(hovered.at)
              : total === undefined
                ? 'now'
                : `of ${formatValue(total, spec.unit)}`}
          </span>
        </span>
      </figcaption>
      <div ref={place} class="plot-canvas" aria-hidden="true" />
      <p class="unseen">{wordsOf(spec, data)}</p>
    </figure>
  )
}

function ValueText(props: { column: PlotData[1]; value: number | null | undefined; unit: Unit }) {
  const { column, value, unit } = props
  return <strong>{formatValue(value === undefined ? summary(column).last : value, unit)}</strong>
}

function wordsOf(spec: PlotSpec, data: PlotData): string {
  const [at, ...columns] = data
  const values = spec.series.map(({ label }, index) => {
    const { last, max } = summary(columns[index])
    return `${label}: ${formatValue(last, spec.unit)} at last, ${formatValue(max, spec.unit)} at most`
  })
  const since = at[0] === undefined ? '' : ` since ${longMoment(at[0] * 1000)}`
  return `${values.join('; ')}${since}.`
}

function optionsOf(
  spec: PlotSpec,
  element: HTMLElement,
  range: { current: { from: number; to: number; total: number | undefined } },
  onHover: (hovered: Hovered | undefined) => void,
): UPlot.Options {
  const colour = (name: string) => resolvedColour(element, name)
  const axis: UPlot.Axis = {
    stroke: colour('--muted'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width: Math.max(1, element.clientWidth),
    height,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      sync: { key: 'node' },
      drag: { x: false, y: false },
      points: { size: 6 },
    },
    scales: {
      x: { range: () => [range.current.from / 1000, range.current.to / 1000] },
      y: {
        range: (_plot, _min, max) => {
          const { total } = range.current
          // Where the whole is known, a plot says how much of it; else it is as high as what was seen.
          if (total !== undefined && Number.isFinite(max) && max > total / 8) return [0, total]
          return [0, Number.isFinite(max) && max > 0 ? max * 1.15 : 1]
        },
      },
    },
    axes: [
      { ...axis, values: '{HH}:{mm}', space: 64, size: 26 },
      {
        ...axis,
        size: 64,
        space: 36,
        values: (_plot, ticks) => ticks.map((tick) => shortTick(tick, spec.unit)),
        ...(spec.unit.startsWith('bytes') ? { incrs: byteSteps } : {}),
      },
    ],
    series: [
      {},
      ...spec.series.map(({ label }, index): UPlot.Series => {
        const stroke = colour(colours[index] ?? '--plot-1')
        return {
          label,
          stroke,
          width: 1.6,
          dash: [...(dashes[index] ?? [])],
          points: { size: 4, stroke, fill: stroke },
          ...(index === 0 ? { fill: colour('--plot-fill') } : {}),
        }
      }),
    ],
    hooks: {
      setCursor: [
        ({ cursor: { idx }, data }) => {
          if (idx === null || idx === undefined) return onHover(undefined)
          const [at, ...columns] = data
          onHover({ at: (at[idx] ?? 0) * 1000, values: columns.map((column) => column[idx] ?? null) })
        },
      ],
    },
  }
}

const byteSteps = [0, 1, 2, 3, 4].flatMap((power) =>
  [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((step) => step * 1024 ** power),
)

function shortTick(value: number, unit: Unit): string {
  if (unit === 'bytes' || unit === 'bytes-per-second') {
    if (value === 0) return '0'
    const power = Math.min(4, Math.floor(Math.log2(value) / 10))
    const words = `${Number((value / 1024 ** power).toFixed(1))} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`
    return unit === 'bytes' ? words : `${words}/s`
  }
  return unit === 'celsius' ? `${value} °C` : String(Number(value.toFixed(2)))
}

/** A canvas needs the colour itself, whatever the style sheet makes it of. */
function resolvedColour(element: HTMLElement, name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
