import { builtinModules } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importsOf, repository, sourceFiles, topLevelEntries } from './source-files.ts'

const files = sourceFiles()
const typescript = files.filter((file) => /\.tsx?$/.test(file.path))
const others = files.filter((file) => !file.path.startsWith('test/tidy/'))
const manifests = files
  .filter((file) => basename(file.path) === 'package.json')
  .map((file) => ({
    path: file.path,
    manifest: JSON.parse(file.text) as Record<string, Record<string, string>>,
  }))

describe('the repository', () => {
  it('has these entries at its top and no others', () => {
    const allowed = [
      'agent server shared initramfs image-hooks test .ci',
      'package.json package-lock.json tsconfig.json vitest.config.ts biome.json .npmrc .gitignore',
      'README.md ARCHITECTURE.md CHANGELOG.md LICENSE',
    ]
    const names = new Set(allowed.join(' ').split(' '))
    expect(topLevelEntries().filter((name) => !names.has(name))).toEqual([])
  })

  it('has no file of more than 400 lines', () => {
    const lines = (text: string) => text.split('\n').length - 1
    const long = typescript.filter((file) => lines(file.text) > 400)
    expect(long.map((file) => `${file.path}: ${lines(file.text)}`)).toEqual([])
  })

  it('names files after what they are, and tests after the file beside them', () => {
    const vague = /^(?:utils?|helpers?|managers?|misc|common|stuff)\b/
    expect(typescript.filter((file) => vague.test(basename(file.path))).map((file) => file.path)).toEqual([])
    const paths = new Set(files.map((file) => file.path))
    // A program as a whole is tested beside its main.ts.
    const subjects = (test: string) => [test.replace(/\.test\.ts$/, '.ts'), join(dirname(test), 'main.ts')]
    const lonely = typescript
      .filter((file) => file.path.endsWith('.test.ts') && !file.path.startsWith('test/'))
      .filter((file) => !subjects(file.path).some((path) => paths.has(path)))
    expect(lonely.map((file) => file.path)).toEqual([])
  })

  it('leaves nothing for later and skips no test', () => {
    const unfinished = /\b(?:TODO|FIXME|XXX)\b|\bvi\.mock\(|\b(?:it|test|describe)\.(?:skip|only|todo)\(/
    expect(others.filter((file) => unfinished.test(file.text)).map((file) => file.path)).toEqual([])
  })

  it('swallows nothing', () => {
    const empty = /catch\s*(?:\([^)]*\)\s*)?\{\s*\}|\.catch\(\(\)\s*=>\s*\{\s*\}\)/
    expect(
      others.filter((file) => /\.tsx?$/.test(file.path) && empty.test(file.text)).map((file) => file.path),
    ).toEqual([])
  })
})

describe('what is published', () => {
  it('names no folder of a machine that it was made on', () => {
    // In parts, so that this file does not name them either.
    const folders = ['main', 'shared', '.library']
      .map((name) => ['', 'work', name])
      .concat([['', 'tmp', 'w', '']])
    const patterns = folders.map((parts) => new RegExp(`(?<![\\w.$}])${parts.join('/')}`))
    const found = files.flatMap((file) =>
      patterns
        .filter((pattern) => pattern.test(file.text))
        .map((pattern) => `${file.path}: ${pattern.source}`),
    )
    expect(found).toEqual([])
  })

  it('names no host but those that documentation cites', () => {
    const cited = new Set([
      'walt-project.liglab.fr',
      'ipxe.org',
      'docs.kernel.org',
      'www.kernel.org',
      'www.rfc-editor.org',
      // The namespace of SVG.
      'www.w3.org',
    ])
    const example = /(?:^|\.)example$|^(?:[0-9]{1,3}\.){3}[0-9]{1,3}$|^(?:localhost|x|ADDRESS)$|[$<{]/
    const hosts = files
      .filter((file) => file.path !== 'package-lock.json')
      .flatMap((file) =>
        [...file.text.matchAll(/https?:\/\/([^/\s'"`:)>\]]+)/g)].map((match) => ({
          path: file.path,
          host: match[1] ?? '',
        })),
      )
    const wrong = hosts.filter(({ host }) => !cited.has(host) && !example.test(host))
    expect(wrong.map(({ path, host }) => `${path}: ${host}`)).toEqual([])
  })

  it('does not say from where packages were fetched', () => {
    const lock = files.find((file) => file.path === 'package-lock.json')?.text ?? ''
    expect(lock.match(/"resolved": "https?:.*/g) ?? []).toEqual([])
    expect(lock.length).toBeGreaterThan(1000)
  })
})

describe('dependencies', () => {
  it('are exact', () => {
    const loose = manifests.flatMap(({ path, manifest }) =>
      ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'].flatMap((kind) =>
        Object.entries(manifest[kind] ?? {})
          .filter(([, version]) => !/^[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?$/.test(version))
          .map(([name, version]) => `${path}: ${name} ${version}`),
      ),
    )
    expect(loose).toEqual([])
  })

  it('are declared by the workspace that imports them, and imported where they are declared', () => {
    // npm installs all workspaces at the top, so a test may use what another one runs on: the real broker, the real client.
    const forTests = manifests.flatMap(({ manifest }) => [
      ...Object.keys(manifest.dependencies ?? {}),
      ...Object.keys(manifest.devDependencies ?? {}),
    ])
    const problems: string[] = []
    for (const workspace of ['agent', 'server', 'shared']) {
      const manifest = manifests.find(({ path }) => path === join(workspace, 'package.json'))?.manifest
      const declared = Object.keys(manifest?.dependencies ?? {})
      const imported = new Set<string>()
      for (const file of typescript.filter((one) => one.path.startsWith(`${workspace}/`))) {
        const isTool = file.path.endsWith('.test.ts') || !file.path.startsWith(`${workspace}/src/`)
        for (const name of importsOf(file.text).map(packageOf)) {
          if (name === undefined) continue
          imported.add(name)
          if (!declared.includes(name) && !(isTool && forTests.includes(name)))
            problems.push(`${file.path} imports ${name}`)
        }
      }
      problems.push(
        ...declared.filter((name) => !imported.has(name)).map((name) => `${workspace} does not use ${name}`),
      )
    }
    expect(problems).toEqual([])
  })

  it('are there', () => {
    expect(manifests.map(({ path }) => path).toSorted()).toEqual([
      'agent/package.json',
      'package.json',
      'server/package.json',
      'shared/package.json',
    ])
    expect(repository.length).toBeGreaterThan(1)
  })
})

/** The package that an import means; undefined for files of ours and for Node itself. */
function packageOf(written: string): string | undefined {
  if (/^(?:\.|node:|@walt\/)/.test(written) || builtinModules.includes(written)) return undefined
  return written
    .split('/')
    .slice(0, written.startsWith('@') ? 2 : 1)
    .join('/')
}
