/** The supervisor of virtual machines with real processes: small shells in place of kernels. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { limits } from '@walt/shared/limits'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMachine, type Machine } from '../../server/src/vnodes/machine.ts'
import type { MachineBoot } from '../../server/src/vnodes/machine-command.ts'
import { eventually } from '../support/eventually.ts'

let folder: string
let machine: Machine | undefined
let starts: string[]
let exits: string[]
/** When each process started and ended. */
let times: { started: number[]; ended: number[] }

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'machine-'))
  starts = []
  exits = []
  times = { started: [], ended: [] }
})
afterEach(async () => {
  await machine?.stop()
  await rm(folder, { recursive: true })
})

/** @param script what each boot runs; $1 is its boot id */
function create(script: string, nextBoot = async () => starts.length, now = () => 0): Machine {
  machine = createMachine({
    name: 'vnode1',
    consolePath: join(folder, 'console.log'),
    nextBoot: async (): Promise<MachineBoot> => ({
      bootId: `boot-${await nextBoot()}`,
      kernelArguments: '',
      kernel: '',
      initrd: '',
      mac: '',
      ramBytes: 1,
      cores: 1,
      engine: 'uml',
    }),
    commandOf: (boot) => ({ command: 'sh', args: ['-c', script, 'sh', boot.bootId], environment: {} }),
    onStart(bootId) {
      starts.push(bootId)
      times.started.push(performance.now())
    },
    onExit(reason) {
      exits.push(reason)
      times.ended.push(performance.now())
    },
    now,
    random: () => 0,
    log: { info() {}, warn() {}, error() {} },
  })
  return machine
}

async function commandsRunning(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name))
  // A process may end while this looks.
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.map((line) => line.replaceAll('\0', ' ').trim())
}

const running = 'echo "$1 runs"; sleep 600'

describe.skipIf(process.getuid?.() !== 0)('a virtual machine', () => {
  it('is started anew with fresh parameters when it ends, which is how it reboots', async () => {
    // A life long enough to have been a boot.
    let time = 0
    const machine = create('echo "$1 reboots"; [ "$1" = boot-2 ] && sleep 600', undefined, () => {
      time += limits.machineShortLifeMs
      return time
    })
    await machine.start()
    await eventually('the third boot', 60_000, async () => starts.length === 3)
    expect(starts).toEqual(['boot-0', 'boot-1', 'boot-2'])
    expect(exits).toEqual(['status 1', 'status 1'])
  })

  it('waits before it is started again if it did not live', async () => {
    const machine = create('exit 3')
    await machine.start()
    await eventually('the second try', 60_000, async () => starts.length === 2)
    expect(exits[0]).toBe('status 3')
    // The shortest wait there is: `random` gives 0. Timers may be a little early.
    const waitedMs = (times.started[1] ?? 0) - (times.ended[0] ?? 0)
    expect(waitedMs).toBeGreaterThan(limits.machineBackoffMinMs / 2 - 20)
  })

  it('goes at once, with all that it has started, when it is stopped', async () => {
    const machine = create('sleep 611 & echo "$1 runs"; sleep 612')
    await machine.start()
    await eventually('its console', 60_000, async () =>
      (await readFile(machine.consolePath, 'utf8')).includes('runs'),
    )
    await machine.stop()
    expect(machine.running()).toBe(false)
    expect(exits).toEqual(['stopped'])
    expect(await commandsRunning()).not.toContain('sleep 611')
  })

  it('is started again by a hard reboot', async () => {
    const machine = create(running)
    await machine.start()
    await machine.restart()
    expect(starts).toEqual(['boot-0', 'boot-1'])
    expect(exits).toEqual(['hard-reboot'])
    expect(machine.running()).toBe(true)
  })

  it('tries again when its boot cannot be begun', async () => {
    let tries = 0
    const machine = create(running, async () => {
      tries += 1
      if (tries === 1) throw new Error('the image is gone')
      return tries
    })
    await machine.start()
    expect(machine.running()).toBe(false)
    await eventually('the second try', 60_000, async () => machine.running())
    expect(starts).toEqual(['boot-2'])
  })
})
