import { execFileSync } from 'node:child_process'
import { chmod, link, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { imageId } from '@walt/shared/node-names'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createImageIdentities } from './image-identity.ts'

describe('the identity of an image', () => {
  let folder: string
  const at = (path: string) => join(folder, 'debian12', path)
  const identify = (image = 'debian12') => createImageIdentities((name) => join(folder, name))(image)

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'walt-identity-'))
    await mkdir(at('etc'), { recursive: true })
    await writeFile(at('etc/hosts'), 'hosts')
    await writeFile(at('etc/motd'), Buffer.alloc(100_000))
    await symlink('etc', at('conf'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('is a name for a folder, and stays as long as the image', async () => {
    const { id } = await identify()
    expect(v.is(imageId, id)).toBe(true)
    expect(id).toMatch(/^debian12-/)
    expect((await identify()).id).toBe(id)
  })

  it('is the same for a copy, but for the name', async () => {
    execFileSync('cp', ['-a', at('.'), join(folder, 'other')])
    const [one, other] = await Promise.all([identify(), identify('other')])
    expect(other.id.replace('other', 'debian12')).toBe(one.id)
  })

  it.each<[string, () => Promise<void>]>([
    ['a new file', () => writeFile(at('etc/new'), '')],
    ['a file gone', () => rm(at('etc/motd'))],
    ['a file of another content', () => writeFile(at('etc/hosts'), 'HOSTS')],
    ['another mode', () => chmod(at('etc/hosts'), 0o600)],
    ['another time', () => utimes(at('etc/hosts'), 1, 1)],
    ['a directory', () => mkdir(at('etc/empty'))],
  ])('is another with %s', async (_what, change) => {
    const before = await identify()
    await change()
    expect((await identify()).id).not.toBe(before.id)
  })

  it('tells what a copy takes: linked files count once', async () => {
    const before = await identify()
    expect(before.bytes).toBeGreaterThanOrEqual(100_000)
    await link(at('etc/motd'), at('etc/motd2'))
    expect((await identify()).bytes).toBe(before.bytes)
  })
})
