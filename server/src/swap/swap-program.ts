/**
 * The swap process's program as one file of JavaScript. Run from its TypeScript source it works the same, but Node's
 * compiler then stays in its memory: it took 93 MB in place of 55, and 125 ms to be up in place of 45.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { reasonOf } from '@walt/shared/errors'
import type { Log } from '../log.ts'

const source = fileURLToPath(new URL('./main.ts', import.meta.url))

/** The path of what to start: the bundle in the folder, or the source where there is no esbuild. */
export async function prepareSwapProgram(folder: string, log: Log): Promise<string> {
  const outfile = join(folder, 'swap-server.mjs')
  try {
    const { buildSync } = await import('esbuild')
    buildSync({
      entryPoints: [source],
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node26',
      outfile,
      logLevel: 'silent',
    })
    return outfile
  } catch (thrown) {
    log.warn(`The swap server is run from its source, with more memory than needed: ${reasonOf(thrown)}`)
    return source
  }
}
