import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { watchSwapFailures } from './swap-failures.ts'

describe('the kernel log, watched for swap that could not be read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'swap-failures-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it.each([
    ['1,4711,12;Read-error on swap-device (43:0:51200)\n', true],
    ['1,4711,12;Write-error on swap-device (43:0:51200)\n', false],
    ['1,4711,12;Read-error on swap-device (253:1:51200)\n', false],
    ['', false],
  ])('%j: %s', (text, seen) => {
    const path = join(folder, 'kmsg')
    writeFileSync(path, text)
    const failures = watchSwapFailures(path)
    expect(failures.seen()).toBe(seen)
    failures.close()
  })
})
