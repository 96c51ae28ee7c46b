/**
 * A PC in QEMU that takes itself for a physical node reboots by kexec over and over. Right before each reboot a file is
 * written to /persist, and held open, so that nothing but the reboot's own flush brings it to the server.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { eventually } from '../support/eventually.ts'
import { qemuProcess } from '../support/machine-process.ts'
import { bootNode, nextBoot, onNode, showNode } from '../support/node-probes.ts'
import { type Platform, prepareImages, startPlatform } from '../support/platform.ts'
import { canRunNodes } from '../support/requirements.ts'
import type { PlayRound, SoakScenario } from './soak-scenario.ts'

const node = 'vnode1'
const goneMs = 90_000

export const kexecSoak: SoakScenario = {
  claim:
    'a node reboots by kexec, without its machine being reset, and keeps what was just written to /persist',
  rounds: 20,
  roundSeconds: 90,
  async prepare({ say, onEnd }) {
    if (!canRunNodes('qemu-system-x86')) throw new Error('no machine can be run here')
    await prepareImages({ fresh: false, onOutput: (text) => process.stderr.write(text) })
    const platform = await startPlatform({ purpose: 'soak', engine: 'qemu', onStop: onEnd })
    await bootNode(platform, node, { 'boot.arguments': 'walt.virtual=0' })
    say(`${node} is booted`)
    return playOn(platform, await qemuProcess(platform))
  },
}

function playOn(platform: Platform, machine: number): PlayRound {
  const persist = path.join(platform.stateFolder, 'nodes', node, 'persist')

  async function expectKept(rounds: number): Promise<void> {
    for (let round = 1; round <= rounds; round++) {
      const content = await readFile(path.join(persist, `round${round}`), 'utf8')
      if (content !== `round ${round}\n`)
        throw new Error(`/persist/round${round} has ${JSON.stringify(content)}`)
    }
  }

  return async (round) => {
    const { bootId } = await showNode(platform, node)
    const hold = `exec 9> /persist/round${round}; echo round ${round} >&9; sleep 600`
    await onNode(platform, node, `nohup sh -c '${hold}' > /dev/null 2>&1 & sleep 1`)
    const began = Date.now()
    const result = await platform.walt('node', 'reboot', node)
    if (result.stdout !== `${node}: rebooted OK.\n`) throw new Error(`${result.stdout}${result.stderr}`)
    await eventually('the node asks for its next boot by kexec', goneMs, async () => {
      const shown = await showNode(platform, node)
      return shown.bootId !== bootId && shown.cause === 'kexec'
    })
    await nextBoot(platform, node, bootId)
    const seconds = Math.round((Date.now() - began) / 1000)
    if ((await qemuProcess(platform)) !== machine) throw new Error('the machine was started anew')
    await expectKept(round)
    return `back after ${seconds} s, ${round} of ${round} files kept`
  }
}
