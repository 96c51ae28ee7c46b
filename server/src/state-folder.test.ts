import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockFileOf, lockStateFolder, makeStateFolder } from './state-folder.ts'

let state: string
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'state-'))
  await makeStateFolder(state)
})
afterEach(() => rm(state, { recursive: true }))

test('a state folder has one server at a time, of several that come at once too', async () => {
  const tries = await Promise.allSettled([1, 2, 3].map(() => lockStateFolder(state)))
  const [first, ...others] = tries.filter((one) => one.status === 'fulfilled')
  expect(others).toEqual([])
  await expect(lockStateFolder(state)).rejects.toThrow(`process ${process.pid}`)
  first?.value()
  const release = await lockStateFolder(state)
  release()
})

test('a state folder is free when its server was killed, and waits for who clears up', async () => {
  const script = 'exec 8>>"$0"; flock 8; echo 999999 1 >"$0"; echo held; sleep 0.5'
  const clearing = spawn('bash', ['-c', script, lockFileOf(state)])
  await once(clearing.stdout, 'data')
  expect(() => execFileSync('flock', ['-n', lockFileOf(state), 'true'])).toThrow()
  const release = await lockStateFolder(state)
  expect(clearing.exitCode).not.toBeNull()
  release()
})
