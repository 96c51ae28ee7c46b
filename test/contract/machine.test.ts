/** The supervisor of virtual machines with real processes: small shells in place of kernels. */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { limits } from '@walt/shared/limits'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LastingProcess, startLasting } from '../../server/src/lasting-process.ts'
import { withKeptConsole } from '../../server/src/vnodes/console-keeper.ts'
import { createMachine, type Machine } from '../../server/src/vnodes/machine.ts'
import type { MachineBoot } from '../../server/src/vnodes/machine-command.ts'
import { eventually } from '../support/eventually.ts'

let folder: string
let machine: Machine | undefined
let alone: LastingProcess | undefined
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
  await alone?.end()
  alone = undefined
  await rm(folder, { recursive: true })
})

/** @param script what each boot runs; $1 is its boot id */
function create(script: string, nextBoot = async () => starts.length, now = () => 0): Machine {
  machine = createMachine({
    name: 'vnode1',
    consolePath: join(folder, 'console.log'),
    record: join(folder, 'record'),
    nextBoot: async (): Promise<MachineBoot> => ({
      bootId: `boot-${await nextBoot()}`,
      kernelArguments: '',
      kernel: '',
      initrd: '',
      mac: '',
      ramBytes: 1,
      cores: 1,
      engine: 'uml',
      disks: [],
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

  it('ends with all that it has started, and the next one finds nothing of it', async () => {
    const machine = create('sleep 613 & exit 1', undefined, () => limits.machineShortLifeMs)
    await machine.start()
    await eventually('the second try', 60_000, async () => starts.length === 2)
    expect(await commandsRunning()).not.toContain('sleep 613')
  })

  /** What a server starts, without a server. */
  async function startAlone(script: string): Promise<LastingProcess> {
    const output = join(folder, 'console.log')
    await rm(output, { force: true })
    const command = withKeptConsole(output, limits.consoleMaxBytes, ['sh', '-c', script])
    alone = startLasting({ record: join(folder, 'record'), command, output })
    await eventually('its console', 10_000, async () => (await readFile(output, 'utf8')).includes('line'))
    return alone
  }

  it('goes on when its server is gone, and belongs to the next one', async () => {
    const first = await startAlone('i=0; while sleep 0.1; do i=$((i + 1)); echo "line $i"; done')
    const machine = create('sleep 614', async () => 7)
    expect(await machine.adopt()).toBe(true)
    expect(machine.running()).toBe(true)
    const before = await readFile(machine.consolePath, 'utf8')
    await eventually('its console goes on', 10_000, async () => {
      return (await readFile(machine.consolePath, 'utf8')).length > before.length
    })
    await first.end()
    await eventually('the next boot', 10_000, () => starts.includes('boot-7'))
    expect(exits).toEqual(['it ended'])
    await machine.stop()
    expect(await commandsRunning()).not.toContain('sleep 614')
    expect(await create('true').adopt()).toBe(false)
  })

  it('that was taken over is hard-rebooted and stopped as any other', async () => {
    await startAlone('echo line; sleep 615')
    const machine = create('echo line; sleep 616')
    expect(await machine.adopt()).toBe(true)
    await machine.restart()
    expect(exits).toEqual(['hard-reboot'])
    await eventually('the new process', 10_000, async () => (await commandsRunning()).includes('sleep 616'))
    expect(await commandsRunning()).not.toContain('sleep 615')
    await machine.stop()
    expect(await commandsRunning()).not.toContain('sleep 616')

    await startAlone('echo line; sleep 617')
    expect(await machine.adopt()).toBe(true)
    await machine.stop()
    expect(exits.at(-1)).toBe('stopped')
    expect(await commandsRunning()).not.toContain('sleep 617')
  })

  it('keeps its console within bounds by itself', async () => {
    const text = 'x'.repeat(1023)
    const lines = Math.ceil((limits.consoleMaxBytes * 1.5) / 1024)
    const machine = create(`yes ${text} | head -n ${lines}; echo the end; sleep 600`)
    await machine.start()
    const tail = () => readFile(machine.consolePath, 'utf8')
    await eventually('its end', 60_000, async () => (await tail()).endsWith('the end\n'))
    expect((await stat(`${machine.consolePath}.1`)).size).toBe(limits.consoleMaxBytes)
    expect((await stat(machine.consolePath)).size).toBe(lines * 1024 + 8 - limits.consoleMaxBytes)
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
