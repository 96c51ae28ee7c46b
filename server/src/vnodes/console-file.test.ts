import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { openConsoleFile } from './console-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'console-'))
afterEach(() => rmSync(folder, { recursive: true }))

it('a console keeps what is new, and at most one older part', () => {
  const path = join(folder, 'console.log')
  const file = openConsoleFile(path, 10)
  for (const text of ['boot one\n', 'boot two\n', 'three\n']) file.write(Buffer.from(text))
  file.close()
  const again = openConsoleFile(path, 10)
  again.write(Buffer.from('4\n'))
  again.close()
  expect(readFileSync(path, 'utf8')).toBe('three\n4\n')
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('boot two\n')
})
