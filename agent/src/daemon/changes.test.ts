import { link, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { limits } from '@walt/shared/limits'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listChanges } from './changes.ts'

describe('the changes of a node', () => {
  let folder: string
  const upper = () => join(folder, 'upper')
  const list = (nowMs = Date.now) => listChanges({ upper: upper(), readyPath: join(folder, 'ready'), nowMs })
  const write = async (path: string, bytes: number) => {
    await mkdir(join(upper(), path, '..'), { recursive: true })
    await writeFile(join(upper(), path), Buffer.alloc(bytes, 1))
  }
  /** The kernel's clock for files ticks every few milliseconds. */
  async function booted(): Promise<void> {
    await writeFile(join(folder, 'ready'), '')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'walt-changes-'))
    await mkdir(upper())
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('are those since it was booted, largest first, apart from what its system writes by itself', async () => {
    await write('etc/hostname', 10)
    await booted()
    await write('root/small', 10)
    await write('root/large', 100_000)
    await write('var/log/syslog', 10)
    await symlink('small', join(upper(), 'root/link'))
    const { changed, system, complete } = await list()
    expect(complete).toBe(true)
    expect(changed.largest.map(({ path, kind }) => `${kind} ${path}`)).toEqual([
      'file /root/large',
      'file /root/small',
      'link /root/link',
    ])
    expect(changed.count).toBe(3)
    expect(changed.bytes).toBeGreaterThan(100_000)
    expect(system.largest.map(({ path }) => path).toSorted()).toEqual(['/etc/hostname', '/var/log/syslog'])
  })

  it('include an old file that was touched or linked since', async () => {
    await write('a', 1)
    await write('b', 1)
    await booted()
    await utimes(join(upper(), 'a'), 0, 0)
    await link(join(upper(), 'b'), join(upper(), 'c'))
    expect((await list()).changed.count).toBe(3)
  })

  it('are none before it is booted, and the list is bounded', async () => {
    await mkdir(join(upper(), 'd'))
    for (let count = 0; count < limits.changesListedMax + 5; count++) await write(`d/${count}`, count * 4096)
    const { changed, system } = await list()
    expect(changed.count).toBe(0)
    expect(system.count).toBe(limits.changesListedMax + 5)
    expect(system.largest).toHaveLength(limits.changesListedMax)
    expect(system.largest.at(-1)?.bytes).toBe(5 * 4096)
  })

  it('say that they are not all where there is no more time', async () => {
    await write('a', 1)
    let now = 0
    const clock = () => {
      now += limits.changesLookMs + 1
      return now
    }
    expect((await list(clock)).complete).toBe(false)
  })
})
