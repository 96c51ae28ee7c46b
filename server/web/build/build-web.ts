/**
 * The dashboard: bundled by Vite, each file compressed beside the original, so that the server only picks one. Built
 * in a folder of its own and then renamed: dist/web is complete or absent.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { build } from 'vite'

const source = join(import.meta.dirname, '..')
const repository = join(source, '../..')
const output = join(repository, 'dist', 'web')
const mark = 'inputs'

/** What a change of makes a build stale: the dashboard, what it takes from elsewhere, and what builds it. */
const schemas = ['api-schema.ts', 'monitoring-schema.ts'].map((name) =>
  join(repository, 'server/src/http', name),
)
const inputs = [source, join(repository, 'shared/src'), ...schemas, join(repository, 'package-lock.json')]

export async function buildWeb(options: { force: boolean; say: (line: string) => void }): Promise<string> {
  const { force, say } = options
  const fingerprint = await fingerprintOf(inputs)
  const built = await readFile(join(output, mark), 'utf8').catch(() => undefined)
  if (built === fingerprint && !force) {
    say(`${output} is up to date`)
    return output
  }
  const work = `${output}-${process.pid}`
  try {
    await build({
      root: source,
      configFile: false,
      logLevel: 'warn',
      // uPlot and preact ship modules; nothing of ours is for older browsers than light-dark() is.
      build: {
        outDir: work,
        emptyOutDir: true,
        target: ['chrome123', 'firefox120', 'safari17.5'],
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
      },
    })
    const bytes = await compress(work)
    if (bytes > limits.webCompressedMaxBytes) {
      const message = `The dashboard has ${bytes} bytes compressed; ${limits.webCompressedMaxBytes} are allowed.`
      throw new WaltError('web-too-large', message)
    }
    await writeFile(join(work, mark), fingerprint)
    await rm(output, { recursive: true, force: true })
    await rename(work, output)
    say(`${output}: ${Math.ceil(bytes / 1024)} KiB compressed`)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return output
}

/** Returns how much a browser fetches in all. */
async function compress(folder: string): Promise<number> {
  let total = 0
  for (const path of await filesIn(folder)) {
    const content = await readFile(path)
    const brotli = brotliCompressSync(content)
    await writeFile(`${path}.br`, brotli)
    await writeFile(`${path}.gz`, gzipSync(content, { level: 9 }))
    total += brotli.length
  }
  return total
}

async function fingerprintOf(places: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const place of places) {
    for (const path of await filesIn(place)) {
      if (path.endsWith('.test.ts')) continue
      hash.update(path.slice(repository.length)).update('\0')
      hash.update(await readFile(path)).update('\0')
    }
  }
  return hash.digest('hex')
}

/** A file itself, or every file of a folder, in an order that is always the same. */
async function filesIn(place: string): Promise<string[]> {
  if (!existsSync(place)) return []
  const entries = await readdir(place, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOTDIR') return undefined
      throw error
    },
  )
  if (entries === undefined) return [place]
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
}
