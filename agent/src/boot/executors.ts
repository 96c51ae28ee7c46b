import type { BootMode } from '@walt/shared/boot-report'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { humanSize } from '@walt/shared/sizes'
import type { Kernel } from '../linux/kernel.ts'
import { setClockFromServer } from './clock.ts'
import { loadDiskDrivers } from './disk-drivers.ts'
import { lookAtDisks } from './disks.ts'
import { bringImage, leaveDisk, mountDisk, mountHybridOverlay, mountLocal } from './hybrid-disk.ts'
import { takeIdentity } from './identity.ts'
import { loadModules } from './modules.ts'
import { mountPersist } from './persist.ts'
import { imagePoint } from './plan.ts'
import { runProgram } from './programs.ts'
import type { BootExecutors } from './run.ts'
import { attachSwap } from './swap.ts'
import { keepSwapOn } from './swap-unit.ts'
import { tellCopying } from './tell-copying.ts'
import { tmpfsBytesWithSwap } from './tmpfs-size.ts'
import { enterUnion, growTmpfs, mountEarly, mountOverlay, mountTmpfs } from './union.ts'
import { switchZswapOn } from './zswap.ts'

/** What the steps found that the report tells. */
export type BootFindings = {
  swapBytes: number
  zswap: boolean
  persist: boolean
  mode: BootMode
  /** Of a hybrid mode: the device, and the folder on it that holds this image and what differs from it. */
  disk?: { device: string; folder: string }
}

/** How each kind of step is done; `findings` is filled in as they are. */
export function createBootExecutors(
  kernel: Kernel,
  findings: BootFindings,
  say: (line: string) => void,
): BootExecutors {
  let device = ''
  return {
    mounts: ({ missing }) => mountEarly(kernel, missing),
    preinit: async ({ program }, withinMs) => {
      const result = await runProgram(program, [], withinMs)
      if (!result.ok) throw new WaltError('preinit-failed', result.reason)
      return `${program} done`
    },
    modules: ({ names }, withinMs) => loadModules(names, withinMs),
    'disk-drivers': ({ devices }, withinMs) => loadDiskDrivers(devices, withinMs),
    'boot-mode': async ({ imageKnown }) => {
      const { hybrid, unread } = await lookAtDisks(kernel)
      if (hybrid === undefined) {
        return { skipped: ['no disk with walt_hybrid: network mode', ...unread].join('; ') }
      }
      const asks = `${hybrid.device} asks for ${hybrid.mode}`
      if (!imageKnown) {
        const message = `${asks}, but the server does not say which image this is (walt.image.id=)`
        throw new WaltError('image-unknown', message)
      }
      if (hybrid.errors) throw new WaltError('disk-errors', `${asks}, but there are errors on it: run e2fsck`)
      device = hybrid.device
      return asks
    },
    'hybrid-image': async ({ id, bytes, tell }) => {
      let complained = false
      const tellServer = () => {
        if (tell === undefined) return
        try {
          tellCopying(kernel, tell)
        } catch (thrown) {
          if (!complained) say(`the server could not be told: ${reasonOf(thrown)}`)
          complained = true
        }
      }
      await mountDisk(kernel, device)
      try {
        return await bringImage(kernel, { id, bytes }, (line) => {
          say(line)
          tellServer()
        })
      } catch (thrown) {
        leaveDisk(kernel)
        throw thrown
      }
    },
    'hybrid-overlay': async ({ id, union }) => {
      try {
        const { mode, folder, note } = await mountHybridOverlay(kernel, { id, union })
        findings.mode = mode
        findings.disk = { device, folder }
        return note
      } catch (thrown) {
        leaveDisk(kernel)
        throw thrown
      }
    },
    local: ({ union }) => mountLocal(kernel, findings.disk?.folder ?? '', union),
    tmpfs: ({ size, inodes }) => mountTmpfs(kernel, size, inodes),
    overlay: ({ union }) => mountOverlay(kernel, union),
    identity: ({ union, nodeName }) => takeIdentity(kernel, union, nodeName),
    persist: async ({ share, target }, withinMs) => {
      const note = await mountPersist(kernel, { share, target, withinMs })
      findings.persist = true
      return note
    },
    clock: ({ server, port }, withinMs) => setClockFromServer(kernel, { address: server, port, withinMs }),
    swap: async ({ server, port, exportName, minFreeBytes }, withinMs) => {
      keepSwapOn()
      const peer = { address: server, port, exportName }
      const { sizeBytes, note } = await attachSwap(kernel, { ...peer, minFreeBytes, withinMs })
      findings.swapBytes = sizeBytes
      return note
    },
    'tmpfs-grow': (limit) => {
      const bytes = tmpfsBytesWithSwap({ ...limit, swapBytes: findings.swapBytes })
      growTmpfs(kernel, bytes)
      return `union of ${humanSize(bytes)}`
    },
    zswap: () => {
      const outcome = switchZswapOn()
      findings.zswap = typeof outcome === 'string'
      return outcome
    },
    root: ({ union }) => {
      const note = enterUnion(kernel, union)
      if (findings.disk === undefined) return note
      // Nothing is needed of the network's image any more: it goes with the last that was read from it, this program.
      try {
        kernel.unmount({ target: imagePoint, lazy: true })
      } catch (thrown) {
        say(`the image over the network stays mounted: ${reasonOf(thrown)}`)
      }
      return `image at ${findings.disk.folder}/image`
    },
  }
}
