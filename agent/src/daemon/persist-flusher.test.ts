import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createPersistFlusher } from './persist-flusher.ts'

describe('persist flusher', () => {
  it('flushes, more than once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'walt-flush-'))
    const flusher = createPersistFlusher(folder)
    await flusher.flush(5_000)
    await flusher.flush(5_000)
    flusher.stop()
    rmSync(folder, { recursive: true })
  })

  it('says when it cannot', async () => {
    const flusher = createPersistFlusher('/nonexistent')
    await expect(flusher.flush(5_000)).rejects.toThrow('/nonexistent: sync -f failed')
    flusher.stop()
  })

  it('gives up in time', async () => {
    const flusher = createPersistFlusher('/tmp')
    flusher.stop()
    await expect(flusher.flush(200)).rejects.toMatchObject({ code: 'flush-failed' })
  })
})
