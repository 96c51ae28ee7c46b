import { readdir, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where `npm run build:web` leaves the dashboard. */
export const builtWebFolder = fileURLToPath(new URL('../../../dist/web', import.meta.url))

export type Encoding = 'br' | 'gzip'
export type WebFile = {
  type: string
  content: Buffer
  compressed: Partial<Record<Encoding, Buffer>>
  /** Its name changes with its content. */
  immutable: boolean
}
/** By path as asked for, `/assets/index-1a2b3c.js`. */
export type WebFiles = ReadonlyMap<string, WebFile>

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** The dashboard as `npm run build:web` left it, all in memory: it is small. Empty where it was not built. */
export async function readWebFiles(folder: string): Promise<WebFiles> {
  const files = new Map<string, WebFile>()
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    },
  )
  for (const entry of entries) {
    const type = types[extname(entry.name)]
    if (!entry.isFile() || type === undefined) continue
    const file = join(entry.parentPath, entry.name)
    const path = file.slice(folder.length)
    files.set(path, {
      type,
      content: await readFile(file),
      compressed: { br: await readFile(`${file}.br`), gzip: await readFile(`${file}.gz`) },
      immutable: path.startsWith('/assets/'),
    })
  }
  return files
}

/** Pure: the best of what a browser takes (RFC 9110, 12.5.3); none where it refuses both. */
export function chooseEncoding(accepted: string | undefined): Encoding | undefined {
  const taken = new Set(
    (accepted ?? '')
      .toLowerCase()
      .split(',')
      .map((word) => word.trim())
      .filter((word) => !/;\s*q=0(?:\.0*)?$/.test(word))
      .map((word) => word.replace(/;.*$/, '')),
  )
  if (taken.has('br')) return 'br'
  return taken.has('gzip') ? 'gzip' : undefined
}
