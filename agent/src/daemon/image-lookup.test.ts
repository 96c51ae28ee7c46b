import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createImageLookup, type ImageLookup, saysGone } from './image-lookup.ts'

let folder = ''
let running: ImageLookup | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'walt-lookup-'))
  mkdirSync(join(folder, 'image/bin'), { recursive: true })
  writeFileSync(join(folder, 'image/bin/agent'), '')
})
afterEach(() => {
  running?.stop()
  rmSync(folder, { recursive: true })
})

function lookup(image = join(folder, 'image')) {
  const said: string[] = []
  running = createImageLookup({ image, file: 'bin/agent', withinMs: 300, warn: (text) => said.push(text) })
  return { image: running, said }
}

describe('image lookup', () => {
  it('is answered while the image is there, again and again, and where it is moved', async () => {
    const { image, said } = lookup()
    for (let round = 0; round < 10; round++) expect(await image.ask()).toBe('answered')
    renameSync(join(folder, 'image'), join(folder, 'moved'))
    expect(await image.ask()).toBe('answered')
    expect(said).toEqual([])
  })

  it('tells that the image is gone', async () => {
    const { image } = lookup()
    expect(await image.ask()).toBe('answered')
    rmSync(join(folder, 'image/bin'), { recursive: true })
    expect([await image.ask(), await image.ask()]).toEqual(['stale', 'stale'])
  })

  it('is slow while the call hangs, and waits for the same call', async () => {
    const { image } = lookup()
    expect(await image.ask()).toBe('answered')
    const file = join(folder, 'image/bin/agent')
    rmSync(file)
    execFileSync('mkfifo', [file])
    expect([await image.ask(), await image.ask()]).toEqual(['slow', 'slow'])
    closeSync(openSync(file, 'w'))
    rmSync(file)
    writeFileSync(file, '')
    await expect.poll(() => image.ask()).toBe('answered')
  })

  it('has nothing against an image that it cannot watch, but says so', async () => {
    const { image, said } = lookup('/nonexistent')
    await expect.poll(() => image.ask()).toBe('answered')
    await expect.poll(() => said).toHaveLength(1)
    expect(said[0]).toMatch(/\/nonexistent cannot be watched any more/)
  })

  it('knows what shells say', () => {
    expect(saysGone('sh: 2: cannot open ./bin/agent: Stale file handle\nend\n')).toBe(true)
    expect(saysGone("sh: can't open ./bin/agent: no such file\nend\n")).toBe(true)
    expect(saysGone('sh: line 5: ./bin/agent: No such file or directory\nend\n')).toBe(true)
    expect(saysGone('sh: 2: cannot open ./bin/agent: Permission denied\nend\n')).toBe(false)
    expect(saysGone('end\n')).toBe(false)
  })
})
