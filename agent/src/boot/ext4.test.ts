import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { probeExt4, readExt4Superblock, superblockBytes } from './ext4.ts'

describe('what an ext4 superblock says', () => {
  let folder: string
  let disk: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'walt-ext4-'))
    disk = join(folder, 'disk')
    writeFileSync(disk, '')
    truncateSync(disk, 8 * 1024 ** 2)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('is nothing on an empty disk, on a short one, and of bytes at random', async () => {
    expect(await probeExt4(disk)).toBeUndefined()
    writeFileSync(join(folder, 'short'), 'x')
    expect(await probeExt4(join(folder, 'short'))).toBeUndefined()
    expect(readExt4Superblock(Buffer.alloc(superblockBytes, 0x5a))).toBeUndefined()
  })

  it('is that of a file system that mkfs.ext4 made, and whether errors were seen on it', async () => {
    execFileSync('/sbin/mkfs.ext4', ['-q', '-F', disk])
    expect(await probeExt4(disk)).toEqual({ errors: false })
    execFileSync('/sbin/debugfs', ['-w', '-R', 'set_super_value state 2', disk], { stdio: 'ignore' })
    expect(await probeExt4(disk)).toEqual({ errors: true })
  })
})
