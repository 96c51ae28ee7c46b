import { execFileSync } from 'node:child_process'
import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseNodeDisks } from '@walt/shared/node-disks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { partitionTable, prepareDisks } from './disks.ts'

describe('disks of a virtual node', () => {
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'walt-disks-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  const prepare = (text: string) => prepareDisks(folder, parseNodeDisks(text))
  const inside = (disk: string, path: string) =>
    execFileSync('/sbin/debugfs', ['-R', `ls -p ${path}`, `${disk}?offset=1048576`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  async function mark(path: string | undefined): Promise<void> {
    const file = await open(path ?? '', 'r+')
    await file.write('mark', 5 * 1024 ** 2)
    await file.close()
  }
  async function marked(path: string | undefined): Promise<boolean> {
    const file = await open(path ?? '', 'r')
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 5 * 1024 ** 2)
    await file.close()
    return buffer.toString() === 'mark'
  }

  it('are sparse files of the size asked for', async () => {
    const [path = ''] = await prepare('1T')
    expect(await stat(path)).toMatchObject({ size: 1024 ** 4, blocks: 0 })
  })

  it('have one partition, and what a hybrid boot looks for', async () => {
    const disks = await prepare('32M[template=hybrid-boot-v],32M[template=hybrid-boot-p],32M[template=ext4]')
    const [volatile = '', persistent = '', plain = ''] = disks
    const partitions = execFileSync('partx', ['-g', '-r', '-o', 'START,SECTORS,TYPE', volatile], {
      encoding: 'utf8',
    })
    expect(partitions).toBe('2048 63488 0x83\n')
    expect(inside(volatile, '/')).toContain('/walt_hybrid/')
    expect(inside(volatile, '/walt_hybrid')).not.toContain('.persistent')
    expect(inside(persistent, '/walt_hybrid')).toContain('/.persistent/')
    expect(inside(plain, '/')).not.toContain('walt_hybrid')
    expect((await readdir(folder)).filter((name) => name.endsWith('.new'))).toEqual([])
  })

  it('are kept as they are until they are to be others', async () => {
    const [first, second] = await prepare('32M,32M')
    await mark(first)
    await mark(second)
    await prepare('32M,64M')
    expect([await marked(first), await marked(second)]).toEqual([true, false])
    await prepare('32M[template=ext4],64M')
    expect(await marked(first)).toBe(false)
  })

  it('may be as large as a partition table can tell', () => {
    expect(partitionTable(2 * 1024 ** 4).readUInt32LE(446 + 12)).toBe(2 ** 32 - 2048)
  })
})
