/** The exports of the swap server as one peer sees them: `swap-16G`, `swap-512M` ..., and the same with `reattach-`. */
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { type NbdExport, nbdFlag, parseSwapExportName, swapExportName } from '@walt/shared/nbd'
import { formatSize } from '@walt/shared/sizes'
import type { Exports } from './handshake.ts'
import type { BootSwap, SwapFiles, SwapOwner } from './swap-files.ts'

/** Offered by NBD_OPT_LIST: what WalT's images ask for. Any other size can be had by its name. */
const listedExport = 'swap-16G'

export function exportsFor(options: {
  peer: string
  /** Whose swap the peer gets; undefined when it is to have none. */
  owner: () => SwapOwner | undefined
  files: SwapFiles
  /** Whether there is TRIM, WRITE_ZEROES and CACHE. */
  holes: boolean
}): { exports: Exports; openedSwap: () => BootSwap } {
  const { peer, owner, files, holes } = options
  let opened: BootSwap | undefined

  function asked(name: string): { by: SwapOwner; sizeBytes: number; reattach: boolean } {
    const parsed = parseSwapExportName(name)
    if (parsed === undefined) {
      throw new WaltError(
        'swap-export-unknown',
        `No export is named "${printable(name)}": names read swap-<n>G or swap-<n>M, from 1M to 1024G.`,
      )
    }
    const by = owner()
    if (!by) throw new WaltError('swap-export-refused', `${peer} is no node with a boot under way.`)
    return { by, ...parsed }
  }

  const exports: Exports = {
    describe(name) {
      const { by, sizeBytes, reattach } = asked(name)
      const foundBytes = files.sizeOf(by, reattach)
      if (foundBytes !== undefined && foundBytes !== sizeBytes) {
        throw new WaltError('swap-size-mismatch', `This boot's swap is ${formatSize(foundBytes)} already.`)
      }
      return exportOf(sizeBytes, holes)
    },
    open(name) {
      const { by, sizeBytes, reattach } = asked(name)
      opened = reattach ? files.openAgain(by, sizeBytes) : files.open(by, sizeBytes)
      return exportOf(sizeBytes, opened.backend.holes)
    },
    list() {
      const by = owner()
      if (!by) return []
      const foundBytes = files.sizeOf(by, false)
      return [foundBytes === undefined ? listedExport : swapExportName(foundBytes)]
    },
  }
  return {
    exports,
    openedSwap() {
      if (!opened) throw new Error('the handshake ended without an export')
      return opened
    },
  }
}

const printable = (name: string) => name.slice(0, 64).replace(/[^\x20-\x7e]/g, '?')

/**
 * CAN_MULTI_CONN is not among the flags: the newest connection of a boot takes over from older ones (BootSwap.holder),
 * so requests may not be spread over several.
 */
function exportOf(sizeBytes: number, holes: boolean): NbdExport {
  const always = nbdFlag.hasFlags | nbdFlag.sendFlush | nbdFlag.sendFua
  return {
    sizeBytes,
    flags: holes ? always | nbdFlag.sendTrim | nbdFlag.sendWriteZeroes | nbdFlag.sendCache : always,
    blockSizes: {
      minimumBytes: 1,
      preferredBytes: limits.swapBlockBytes,
      maximumBytes: limits.nbdPayloadMaxBytes,
    },
  }
}
