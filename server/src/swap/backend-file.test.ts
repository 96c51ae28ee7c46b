import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { nbdErrorOf } from './backend.ts'
import { openSwapFile } from './backend-file.ts'
import { type HoleCalls, loadHoleCalls } from './ffi.ts'
import { createQuota } from './quota.ts'

const mebibyte = 1024 ** 2
const sizeBytes = 4 * mebibyte
/** The file system's own blocks, where it notes what lies where, are counted with a file's, yet not by us. */
const fileSystemBytes = 16 * 4096
let folder: string
let holes: HoleCalls

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'walt-swap-'))
  holes = await loadHoleCalls()
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const quotaOf = (bytes: number) => createQuota({ limitBytes: () => bytes, onLevel: () => undefined })
const open = (quota = quotaOf(64 * mebibyte), withHoles = true) =>
  openSwapFile({ path: join(folder, 'a.swap'), sizeBytes, quota, holes: withHoles ? holes : undefined })

function contentOf(file: ReturnType<typeof open>, offset: number, length: number): Buffer {
  const into = Buffer.alloc(length, 0xee)
  file.read(into, 0, length, offset)
  return into
}

it('is sparse, private, and keeps its content when it is opened again', () => {
  const quota = quotaOf(64 * mebibyte)
  const first = open(quota)
  first.write(Buffer.alloc(8192, 7), 0, 8192, mebibyte)
  first.close()
  const stat = statSync(join(folder, 'a.swap'))
  expect([stat.size, stat.blocks * 512, stat.mode & 0o777]).toEqual([sizeBytes, 8192, 0o600])
  expect(quota.usedBytes()).toBe(0)
  const second = open(quota)
  expect(contentOf(second, mebibyte, 8192)).toEqual(Buffer.alloc(8192, 7))
  expect([second.usedBytes(), quota.usedBytes()]).toEqual([8192, 8192])
  second.write(Buffer.alloc(8192, 8), 0, 8192, mebibyte)
  expect(quota.usedBytes()).toBe(8192)
  second.close()
})

it('charges what it finds even where nobody can say which blocks hold data', () => {
  const first = open()
  first.write(Buffer.alloc(8192, 7), 0, 8192, 0)
  first.close()
  const quota = quotaOf(64 * mebibyte)
  const second = open(quota, false)
  expect(second.holes).toBe(false)
  expect(quota.usedBytes()).toBe(8192)
  second.close()
})

it('is had in one size only', () => {
  open().close()
  const other = () =>
    openSwapFile({
      path: join(folder, 'a.swap'),
      sizeBytes: 2 * sizeBytes,
      quota: quotaOf(1),
      holes,
    })
  expect(other).toThrow('swap is 4M already')
})

it('refuses new blocks over the quota, yet takes what is there already, and takes new ones after a hole', () => {
  const file = open(quotaOf(8192))
  const block = Buffer.alloc(4096, 1)
  file.write(block, 0, 4096, 0)
  file.write(block, 0, 4096, 4096)
  expect(() => file.write(block, 0, 4096, 8192)).toThrow('no room left')
  file.write(block, 0, 4096, 100)
  file.trim(0, 4096)
  file.write(block, 0, 4096, 8192)
  expect(file.usedBytes()).toBe(8192)
  file.close()
})

it('gives blocks back to the disk for a hole, and keeps them when it must', () => {
  const file = open()
  const blocks = () => statSync(join(folder, 'a.swap')).blocks * 512
  file.write(Buffer.alloc(mebibyte, 1), 0, mebibyte, 0)
  file.trim(0, mebibyte)
  expect([blocks(), file.usedBytes()]).toEqual([0, 0])
  file.zero(0, 65_536, true)
  expect([blocks(), file.usedBytes()]).toEqual([65_536, 65_536])
  expect(contentOf(file, 0, 65_536)).toEqual(Buffer.alloc(65_536))
  file.close()
})

it('answers ESHUTDOWN once its boot is over, also to a flush under way behind another', async () => {
  const file = open()
  file.write(Buffer.alloc(4096, 1), 0, 4096, 0)
  const [first, second] = [file.flush(), file.flush()]
  expect(second).toBe(first)
  await first
  const late = file.flush()
  file.close()
  await expect(late).rejects.toThrow('is over')
  try {
    contentOf(file, 0, 1)
    expect.unreachable()
  } catch (thrown) {
    expect(nbdErrorOf(thrown)).toBe(108)
  }
})

it('reads like a plain buffer after any sequence of writes and holes, and never charges less than it holds', () => {
  const step = fc.record({
    kind: fc.constantFrom('write', 'trim', 'zero', 'allocate'),
    offset: fc.nat(sizeBytes - 1),
    length: fc.integer({ min: 1, max: 100_000 }),
    byte: fc.nat(255),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      rmSync(join(folder, 'a.swap'), { force: true })
      const file = open()
      const model = Buffer.alloc(sizeBytes)
      for (const { kind, offset, length: wanted, byte } of steps) {
        const length = Math.min(wanted, sizeBytes - offset)
        model.fill(kind === 'write' ? byte : 0, offset, offset + length)
        if (kind === 'write') file.write(Buffer.alloc(length, byte), 0, length, offset)
        else if (kind === 'trim') file.trim(offset, length)
        else file.zero(offset, length, kind === 'allocate')
      }
      expect(contentOf(file, 0, sizeBytes).equals(model)).toBe(true)
      const held = statSync(join(folder, 'a.swap')).blocks * 512
      expect(file.usedBytes() + fileSystemBytes).toBeGreaterThanOrEqual(held)
      file.close()
    }),
    { numRuns: 30 },
  )
})
