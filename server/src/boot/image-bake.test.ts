import { execFileSync } from 'node:child_process'
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bakeImage, maskedUnits } from './image-bake.ts'

const hooks = fileURLToPath(new URL('../../../image-hooks', import.meta.url))
let folder: string
let root: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bake-'))
  root = join(folder, 'fs')
  for (const path of ['etc/systemd/system', 'usr/bin', 'boot', 'var', 'root']) {
    mkdirSync(join(root, path), { recursive: true })
  }
  writeFileSync(join(root, 'etc/shadow'), 'root:!:19000:0:99999:7:::\ndaemon:*:19000:::::\n')
  writeFileSync(join(root, 'etc/hostname'), 'builder\n')
  writeFileSync(join(root, 'usr/bin/busybox'), '')
  writeFileSync(join(folder, 'agent'), 'new agent')
  writeFileSync(join(folder, 'agent.ranges'), '0 131072\n')
})
afterEach(() => rmSync(folder, { recursive: true }))

const bake = () =>
  bakeImage(root, {
    agent: join(folder, 'agent'),
    hooks,
    authorizedKeys: 'ssh-ed25519 KEY\n',
    models: ['pc-x86-64'],
  })
const read = (path: string) => readFileSync(join(root, path), 'utf8')

describe('an image', () => {
  it('boots the agent, and starts its daemon', async () => {
    await bake()
    expect(read('usr/lib/walt/walt-agent')).toBe('new agent')
    expect(lstatSync(join(root, 'usr/bin/walt-init')).mode & 0o111).toBe(0o111)
    execFileSync('sh', ['-n', join(root, 'usr/bin/walt-init')])
    expect(read('etc/systemd/system/walt-agent.service')).toContain('walt-agent daemon')
    expect(readlinkSync(join(root, 'boot/pc-x86-64/kernel'))).toBe('../../vmlinuz')
  })

  it('opens to the key, and to no password', async () => {
    await bake()
    expect(read('root/.ssh/authorized_keys')).toBe('ssh-ed25519 KEY\n')
    expect(read('etc/shadow')).toMatch(/^root:\*:19000/)
  })

  it('has no name of its own, and masks what a diskless node has no use for', async () => {
    await bake()
    expect(() => read('etc/hostname')).toThrow(/ENOENT/)
    for (const unit of await maskedUnits(hooks)) {
      expect(readlinkSync(join(root, 'etc/systemd/system', unit))).toBe('/dev/null')
    }
  })

  it('does not change the files that it shares with another image by hard links', async () => {
    mkdirSync(join(root, 'usr/lib/walt'), { recursive: true })
    for (const path of ['usr/lib/walt/walt-agent', 'usr/bin/walt-init', 'etc/machine-id']) {
      writeFileSync(join(folder, 'shared'), 'of the other image')
      rmSync(join(root, path), { force: true })
      linkSync(join(folder, 'shared'), join(root, path))
      await bake()
      expect(readFileSync(join(folder, 'shared'), 'utf8')).toBe('of the other image')
      rmSync(join(folder, 'shared'))
    }
  })

  it('can be baked again', async () => {
    await bake()
    await bake()
    expect(read('usr/lib/walt/walt-agent.ranges')).toBe('0 131072\n')
  })

  it('is refused where it is no Debian system with busybox', async () => {
    rmSync(join(root, 'usr/bin/busybox'))
    await expect(bake()).rejects.toThrow(/busybox/)
  })
})
