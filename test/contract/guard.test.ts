/** What ends a server's lasting processes when no server comes back, with small shells in place of machines. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isSomethingLeft, machineRecordsOf, startGuard } from '../../server/src/guard.ts'
import { type LastingProcess, lastingIn, startLasting } from '../../server/src/lasting-process.ts'
import { lockFileOf, makeStateFolder } from '../../server/src/state-folder.ts'
import { eventually } from '../support/eventually.ts'

const graceSeconds = 2
let state: string
let server: ChildProcess
let machine: LastingProcess
let endGuard: () => Promise<void>

/** As a server does it: the lock goes with the process. */
async function holdLock(): Promise<ChildProcess> {
  const holder = spawn('flock', ['-o', lockFileOf(state), 'sh', '-c', 'echo held; read end'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  await once(holder.stdout, 'data')
  return holder
}

async function release(holder: ChildProcess): Promise<void> {
  if (holder.exitCode !== null) return
  const ended = once(holder, 'exit')
  holder.stdin?.end()
  await ended
}

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'guard-'))
  await makeStateFolder(state)
  await lastingIn(machineRecordsOf(state))
  server = await holdLock()
  endGuard = await startGuard(state, graceSeconds)
  machine = startLasting({
    record: join(machineRecordsOf(state), 'vnode1'),
    command: ['sh', '-c', 'sleep 618 & sleep 619'],
    output: join(state, 'output'),
  })
  await eventually('it is recorded', 10_000, () => isSomethingLeft(state))
})
afterEach(async () => {
  await endGuard()
  await machine.end()
  await release(server)
  await rm(state, { recursive: true })
})

describe('the guard', () => {
  it('ends what a server left, when no other one comes within the grace time', async () => {
    const began = performance.now()
    await release(server)
    expect(await machine.ended).toBe('killed by SIGKILL')
    expect(performance.now() - began).toBeGreaterThan(graceSeconds * 1000 - 100)
    expect(await isSomethingLeft(state)).toBe(false)
    expect(await readFile(join(state, 'run/guard.log'), 'utf8')).toContain(
      `no walt-server for ${graceSeconds} s`,
    )
  })

  it('leaves it alone while there is a server, whichever it is', async () => {
    await release(server)
    server = await holdLock()
    await new Promise((resolve) => setTimeout(resolve, graceSeconds * 1000 + 500))
    expect(await isSomethingLeft(state)).toBe(true)
    await release(server)
    expect(await machine.ended).toBe('killed by SIGKILL')
  })

  it('is replaced by that of the next server', async () => {
    const end = await startGuard(state, 600)
    await release(server)
    await new Promise((resolve) => setTimeout(resolve, graceSeconds * 1000 + 500))
    expect(await isSomethingLeft(state)).toBe(true)
    await end()
  })
})
