import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { keepSwapOn } from './swap-unit.ts'

const folder = mkdtempSync(join(tmpdir(), 'walt-swap-unit-'))
afterEach(() => rmSync(folder, { recursive: true }))

it('swap units are told not to end with a user space, again in a later one', () => {
  keepSwapOn(folder)
  keepSwapOn(folder)
  expect(readFileSync(join(folder, 'swap.d/walt.conf'), 'utf8')).toBe('[Unit]\nDefaultDependencies=no\n')
})
