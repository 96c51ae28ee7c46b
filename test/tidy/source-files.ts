import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

export const repository = join(import.meta.dirname, '..', '..')

/** What git ignores, and git's own. */
const ignored = new Set(['node_modules', 'dist', '.cache', '.git'])

export type SourceFile = { path: string; text: string }

/** Every file of ours, by its path in the repository. */
export function sourceFiles(): SourceFile[] {
  const files: SourceFile[] = []
  const visit = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (ignored.has(entry.name)) continue
      const path = join(folder, entry.name)
      if (entry.isDirectory()) visit(path)
      else if (entry.isFile())
        files.push({ path: relative(repository, path), text: readFileSync(path, 'utf8') })
    }
  }
  visit(repository)
  return files
}

export const topLevelEntries = () => readdirSync(repository).filter((name) => !ignored.has(name))

/** What a file imports, as it is written: static, dynamic, types, and what it exports from elsewhere. */
export function importsOf(text: string): string[] {
  const statements =
    /^(?:import|export)\b[^'"`;]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm
  return [...text.matchAll(statements)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}
