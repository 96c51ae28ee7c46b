/** Line drawings of 16 by 16; for the eye only, words stand beside them. */
const paths = {
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1',
  moon: 'M13.5 9.5A6 6 0 1 1 6.5 2.5a4.8 4.8 0 0 0 7 7z',
  system: 'M2 3h12v8H2zM6 14h4M8 11v3',
  warning: 'M8 2l6.5 11.5h-13zM8 6.5v3.5M8 12v.1',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.5 10.5L14 14',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  check: 'M2.5 8.5l3.5 3.5 7.5-8',
  restart: 'M13 8a5 5 0 1 1-1.5-3.5M12 1.5v3.2H8.8',
  power: 'M8 1.5v6M4.5 4a5.5 5.5 0 1 0 7 0',
  image: 'M2.5 4.5L8 1.5l5.5 3v7L8 14.5l-5.5-3zM2.5 4.5L8 7.5l5.5-3M8 7.5v7',
  blink: 'M8 4.5a3.5 3.5 0 0 0-2 6.4V13h4v-2.1a3.5 3.5 0 0 0-2-6.4M8 1v1.2M2.5 3.5l.9.9M13.5 3.5l-.9.9',
  wait: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M8 4.5V8l2.5 1.5',
  cards: 'M2 2.5h5v4.5H2zM9 2.5h5v4.5H9zM2 9h5v4.5H2zM9 9h5v4.5H9z',
  list: 'M2 4h12M2 8h12M2 12h12',
  reverse: 'M5 3v10M2.5 10.5L5 13l2.5-2.5M11 13V3M8.5 5.5L11 3l2.5 2.5',
  map: 'M3 3h.1M8 3h.1M13 3h.1M3 8h.1M8 8h.1M13 8h.1M3 13h.1M8 13h.1M13 13h.1',
  compact: 'M2 3h5v2H2zM9 3h5v2H9zM2 7h5v2H2zM9 7h5v2H9zM2 11h5v2H2zM9 11h5v2H9z',
} as const

export type GlyphName = keyof typeof paths

export function Glyph({ name }: { name: GlyphName }) {
  return (
    <svg class="glyph" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  )
}
