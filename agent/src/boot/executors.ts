import { WaltError } from '@walt/shared/errors'
import { humanSize } from '@walt/shared/sizes'
import type { Kernel } from '../linux/kernel.ts'
import { setClockFromServer } from './clock.ts'
import { findHybridDisk } from './disks.ts'
import { takeIdentity } from './identity.ts'
import { loadModules } from './modules.ts'
import { mountPersist } from './persist.ts'
import { runProgram } from './programs.ts'
import type { BootExecutors } from './run.ts'
import { attachSwap } from './swap.ts'
import { enterUnion, growTmpfs, mountEarly, mountOverlay, mountTmpfs } from './union.ts'
import { switchZswapOn } from './zswap.ts'

/** What the steps found that the report tells. */
export type BootFindings = { swapBytes: number; zswap: boolean; persist: boolean }

/** How each kind of step is done; `findings` is filled in as they are. */
export function createBootExecutors(kernel: Kernel, findings: BootFindings): BootExecutors {
  return {
    mounts: ({ missing }) => mountEarly(kernel, missing),
    preinit: async ({ program }, withinMs) => {
      const result = await runProgram(program, [], withinMs)
      if (!result.ok) throw new WaltError('preinit-failed', result.reason)
      return `${program} done`
    },
    modules: ({ names }, withinMs) => loadModules(names, withinMs),
    'boot-mode': async () => {
      const hybrid = await findHybridDisk(kernel)
      if (hybrid === undefined) return { skipped: 'no disk with walt_hybrid: network mode' }
      throw new WaltError(
        'hybrid-unsupported',
        `${hybrid.device} asks for ${hybrid.mode}, which is not supported yet`,
      )
    },
    tmpfs: ({ size }) => mountTmpfs(kernel, size),
    overlay: ({ union }) => mountOverlay(kernel, union),
    identity: ({ union, nodeName }) => takeIdentity(kernel, union, nodeName),
    persist: async ({ share, target }, withinMs) => {
      const note = await mountPersist(kernel, { share, target, withinMs })
      findings.persist = true
      return note
    },
    clock: ({ server, port }, withinMs) => setClockFromServer(kernel, { address: server, port, withinMs }),
    swap: async ({ server, port, exportName, minFreeBytes }, withinMs) => {
      const peer = { address: server, port, exportName }
      const { sizeBytes, note } = await attachSwap(kernel, { ...peer, minFreeBytes, withinMs })
      findings.swapBytes = sizeBytes
      return note
    },
    'tmpfs-grow': ({ bytes }) => {
      growTmpfs(kernel, bytes)
      return `union of ${humanSize(bytes)}`
    },
    zswap: () => {
      const outcome = switchZswapOn()
      findings.zswap = typeof outcome === 'string'
      return outcome
    },
    root: ({ union }) => enterUnion(kernel, union),
  }
}
