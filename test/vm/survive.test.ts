import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { swapGoneMessage } from '@walt/shared/nbd'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type MemoryLoad, startMemoryLoad } from '../support/memory-load.ts'
import { bootNode, nextBoot, onNode, showNode } from '../support/node-probes.ts'
import { type Platform, prepareImages, startPlatform } from '../support/platform.ts'
import { canRunNodes } from '../support/requirements.ts'
import { killSwapServer, pullCable } from '../support/swap-outage.ts'

/** SURVIVE_TIMES=5: each outage so many times in a row, which takes longer than CI may. */
const times = (inCi: number) => Number(process.env.SURVIVE_TIMES ?? inCi)
const outages = [
  { what: 'swap server killed, and back after 1 s', awayMs: 1_000, act: killSwapServer, times: times(5) },
  { what: 'swap server killed, and back after 10 s', awayMs: 10_000, act: killSwapServer, times: times(4) },
  { what: 'swap server killed, and back after 60 s', awayMs: 60_000, act: killSwapServer, times: times(1) },
  { what: 'cable pulled for 30 s', awayMs: 30_000, act: pullCable, times: times(2) },
]
const node = 'vnode1'
const bootIdCommand = 'cat /proc/sys/kernel/random/boot_id'
/** TCP's own pace after 30 s of silence included, for what goes over NFS. */
const backMs = 90_000

/** A process and files beyond RAM, so that both swapping in and swapping out go on all the time. */
describe.runIf(canRunNodes('user-mode-linux'))('a node of 512 MB whose RAM is full', () => {
  let platform: Platform
  let load: MemoryLoad
  let kernelBootId: string

  beforeAll(async () => {
    await prepareImages({ fresh: false, onOutput: (text) => process.stderr.write(text) })
    platform = await startPlatform({ purpose: 'test', engine: 'uml' })
    await bootNode(platform, node)
    kernelBootId = await onNode(platform, node, bootIdCommand)
    load = await startMemoryLoad(platform, node, { files: 6, processMebibytes: 350 })
    expect(await load.swappedBytes()).toBeGreaterThan(300e6)
  })
  afterAll(() => platform?.stop())

  it.each(outages.map((outage) => [`${outage.what}, ${outage.times} times in a row`, outage] as const))(
    'survives: %s',
    async (_, outage) => {
      for (let time = 0; time < outage.times; time += 1) {
        const before = await load.rounds()
        const told = (await platform.console(node)).length
        await outage.act(platform, outage.awayMs)
        const after = async () => (await platform.console(node)).slice(told)
        await eventually('swap is back', backMs, async () => /swap is back after/.test(await after()))
        expect(await after()).toMatch(/swap lost: /)
        await eventually('the process goes on', backMs, async () => (await load.rounds()) > before)
      }
      await load.verify(backMs)
      expect(await onNode(platform, node, bootIdCommand)).toBe(kernelBootId)
    },
    1_800_000,
  )

  it('reboots at once when what it has swapped out is gone, says why, and comes back', async () => {
    const { bootId } = await showNode(platform, node)
    const folder = path.join(platform.stateFolder, 'swap')
    const killing = killSwapServer(platform, 2_000)
    for (const file of await readdir(folder)) if (file.includes(node)) await rm(path.join(folder, file))
    await killing
    await eventually('the cause on the console', 60_000, async () =>
      (await platform.console(node)).includes(swapGoneMessage),
    )
    const after = await nextBoot(platform, node, bootId)
    expect(after.bootReport?.swapBytes).toBeGreaterThan(0)
  })
})
