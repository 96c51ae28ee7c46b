import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFakeKernel } from '../linux/fake-kernel.ts'
import { startWatchdog, type Watchdog, type WatchdogOptions, watchdogAmong } from './watchdog.ts'

let folder = ''
let device = ''
let running: Watchdog | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'walt-watchdog-'))
  device = join(folder, 'watchdog0')
})
afterEach(() => {
  running?.stop(true)
  running = undefined
  rmSync(folder, { recursive: true })
})

/** The device is a file: what it holds is what the watchdog was told. */
async function start(given: Partial<WatchdogOptions> = {}) {
  const said: string[] = []
  const timeouts: number[] = []
  running = await startWatchdog({
    devices: folder,
    seconds: 0.08,
    kernel: createFakeKernel({
      setWatchdogTimeout({ seconds }) {
        timeouts.push(seconds)
        return seconds
      },
    }),
    async loadSoftdog() {
      writeFileSync(device, '')
      return { kind: 'exited', status: 0 }
    },
    log: (message) => said.push(message),
    warn: (message) => said.push(message),
    ...given,
  })
  return { said, timeouts, watchdog: running }
}

const told = () => readFileSync(device, 'latin1')
const signs = { timeout: 5_000, interval: 5 }

describe('watchdog', () => {
  it('loads softdog where the machine has none, and gives signs of life', async () => {
    const { said, timeouts } = await start()
    await expect.poll(() => told().length, signs).toBeGreaterThan(5)
    expect(told()).toMatch(/^\0+$/)
    expect(timeouts).toEqual([0.08])
    expect(said[0]).toMatch(/resets this machine after 0.08 s/)
  })

  it('is the first of the numbered ones', () => {
    expect(watchdogAmong(['null', 'watchdog', 'watchdog10', 'watchdog9'])).toBe('watchdog9')
    expect(watchdogAmong(['watchdog', 'watchdogs'])).toBeUndefined()
  })

  it('says so where there is none at all', async () => {
    const { said, watchdog } = await start({
      loadSoftdog: async () => ({ kind: 'exited', status: 1 }),
    })
    expect(watchdog).toBeUndefined()
    expect(said).toEqual([expect.stringMatching(/softdog cannot be loaded \(status 1\)/)])
  })

  it('keeps the timeout of a device that cannot have another', async () => {
    const kernel = createFakeKernel({
      setWatchdogTimeout() {
        throw new Error('invalid argument')
      },
      watchdogTimeout: () => 15,
    })
    const { said } = await start({ kernel })
    expect(said).toEqual(['invalid argument', expect.stringMatching(/after 15 s/)])
  })

  it('gives no more signs once the machine is to go, and sets a short time', async () => {
    const { watchdog, timeouts } = await start()
    watchdog?.leave(30)
    const length = told().length
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(told()).toHaveLength(length)
    watchdog?.watch()
    await expect.poll(() => told().length, signs).toBeGreaterThan(length)
    expect(timeouts).toEqual([0.08, 30, 0.08])
  })

  it('gives another kernel time to come up', async () => {
    const { watchdog, timeouts } = await start()
    watchdog?.stretch(180)
    expect(timeouts).toEqual([0.08, 180])
  })

  it('sets the device to rest only when it is told to', async () => {
    const first = await start()
    first.watchdog?.stop(false)
    expect(told()).toMatch(/^\0+$/)
    const second = await start()
    second.watchdog?.stop(true)
    running = undefined
    expect(told()).toMatch(/V$/)
  })
})
