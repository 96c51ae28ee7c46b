import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importsOf, sourceFiles } from './source-files.ts'

type Import = { from: string; to: string; written: string }

const everything = sourceFiles()
const files = everything.filter((file) => /\.tsx?$/.test(file.path))
const paths = new Set(everything.map((file) => file.path))

/** Imports of our own files, with the path that each means. */
const imports: Import[] = files.flatMap((file) =>
  importsOf(file.text).flatMap((written) => {
    const shared = /^@walt\/(agent|server|shared)\/(.+)$/.exec(written)
    if (shared) return [{ from: file.path, to: `${shared[1]}/src/${shared[2]}.ts`, written }]
    return written.startsWith('.')
      ? [{ from: file.path, to: join(dirname(file.path), written), written }]
      : []
  }),
)
const shown = (found: readonly Import[]) => found.map((one) => `${one.from} imports ${one.written}`)
const isTest = (path: string) => path.endsWith('.test.ts')
const inside = (folder: string) => (path: string) => path.startsWith(`${folder}/`)

describe('imports', () => {
  it('are found', () => {
    expect(imports.length).toBeGreaterThan(100)
    expect(
      importsOf("import a from 'x'\nimport {\n  b,\n} from './y.ts'\nexport * from 'z'\nawait import('w')"),
    ).toEqual(['x', './y.ts', 'z', 'w'])
  })

  it('mean files that exist, relative ones with their extension', () => {
    expect(shown(imports.filter((one) => !paths.has(one.to)))).toEqual([])
    expect(
      shown(imports.filter((one) => one.written.startsWith('.') && !/\.(?:tsx?|json)$/.test(one.written))),
    ).toEqual([])
  })

  it('of shared stay in shared; agent and server know shared, never each other', () => {
    const allowed: Record<string, string[]> = {
      shared: ['shared'],
      agent: ['agent', 'shared'],
      server: ['server', 'shared'],
    }
    const wrong = imports.filter((one) => {
      const [workspace, target] = [one.from, one.to].map((path) => path.split('/')[0] ?? '')
      return !(allowed[workspace ?? ''] ?? [target]).includes(target ?? '')
    })
    expect(shown(wrong)).toEqual([])
  })

  it('of another workspace go by its name', () => {
    const crossing = imports.filter(
      (one) =>
        one.written.startsWith('.') &&
        !one.from.startsWith('test/') &&
        one.from.split('/')[0] !== one.to.split('/')[0],
    )
    expect(shown(crossing)).toEqual([])
  })

  it('of the command line are the API’s schema and shared only', () => {
    const cli = inside('server/src/cli')
    const wrong = imports.filter(
      (one) =>
        cli(one.from) &&
        !isTest(one.from) &&
        !cli(one.to) &&
        !one.to.startsWith('shared/') &&
        one.to !== 'server/src/http/api-schema.ts',
    )
    expect(shown(wrong)).toEqual([])
  })

  it('of the dashboard are the API’s schema and shared only, and nobody but its tests reach into it', () => {
    const web = inside('server/web')
    const wrong = imports.filter(
      (one) =>
        (web(one.from) &&
          !web(one.to) &&
          !one.to.startsWith('shared/') &&
          one.to !== 'server/src/http/api-schema.ts') ||
        (web(one.to) && !web(one.from) && !one.from.startsWith('test/')),
    )
    expect(shown(wrong)).toEqual([])
  })

  it('of the rest of the server do not reach into the command line', () => {
    const cli = inside('server/src/cli')
    expect(
      shown(imports.filter((one) => inside('server')(one.from) && !cli(one.from) && cli(one.to))),
    ).toEqual([])
  })

  it('of node:ffi are in one file of the agent and one of the server', () => {
    const importers = files
      .filter((file) => importsOf(file.text).includes('node:ffi'))
      .map((file) => file.path)
    const allowed = ['agent/src/linux/ffi.ts', 'server/src/swap/ffi.ts']
    expect(importers.filter((path) => !allowed.includes(path))).toEqual([])
  })

  it('of source are never tests, and nothing of ours imports test/ but tests', () => {
    const wrong = imports.filter(
      (one) =>
        isTest(one.to) || (!one.from.startsWith('test/') && !isTest(one.from) && one.to.startsWith('test/')),
    )
    expect(shown(wrong)).toEqual([])
  })

  it('have no cycle', () => {
    const targets = Map.groupBy(imports, (one) => one.from)
    const done = new Set<string>()
    const cycles: string[] = []
    const visit = (path: string, trail: readonly string[]) => {
      if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
      if (trail.includes(path) || done.has(path)) return
      for (const one of targets.get(path) ?? []) visit(one.to, [...trail, path])
      done.add(path)
    }
    for (const { path } of files) visit(path, [])
    expect(cycles).toEqual([])
  })
})
