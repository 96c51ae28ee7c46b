import fs from 'node:fs'
import { join } from 'node:path'
import { reasonOf, WaltError } from '@walt/shared/errors'
import type { SwapBackend } from './backend.ts'
import { openSwapFile, type SwapFile } from './backend-file.ts'
import type { HoleCalls } from './ffi.ts'
import type { Quota } from './quota.ts'

export type SwapOwner = { node: string; bootId: string }

/** The swap of one boot, as its connections share it. */
export type BootSwap = SwapOwner & {
  backend: SwapBackend
  sizeBytes: number
  usedBytes: () => number
  /**
   * Number of the newest connection that changed something. An older one may not write any more: what it still has in
   * its socket after a cable was pulled would overwrite what the node has sent since over its new connection.
   */
  writer: number
}

/** All swap files of a folder: one a node and boot, kept while the boot lasts, across reconnects and restarts. */
export type SwapFiles = {
  /** @throws WaltError `swap-size-mismatch`, `swap-file-failed` */
  open: (owner: SwapOwner, sizeBytes: number) => BootSwap
  find: (owner: SwapOwner) => BootSwap | undefined
  list: () => BootSwap[]
  forget: (owner: SwapOwner) => void
  /** Deletes the files of every boot that is not current; answers their names. */
  sweep: (current: readonly SwapOwner[]) => string[]
  /** Lets go of the files and leaves them where they are. */
  close: () => void
}

const fileName = (owner: SwapOwner) => `${owner.node}-${owner.bootId}.swap`

export function createSwapFiles(options: {
  folder: string
  quota: Quota
  holes: HoleCalls | undefined
  /** Tests put their fault layer here. */
  wrap?: (backend: SwapBackend, owner: SwapOwner) => SwapBackend
}): SwapFiles {
  const { folder, quota, holes } = options
  const wrap = options.wrap ?? ((backend) => backend)
  const opened = new Map<string, { swap: BootSwap; file: SwapFile }>()

  fs.mkdirSync(folder, { recursive: true, mode: 0o700 })

  function forgetFile(name: string): void {
    opened.get(name)?.file.close()
    opened.delete(name)
    fs.rmSync(join(folder, name), { force: true })
  }

  function openFile(path: string, sizeBytes: number): SwapFile {
    try {
      return openSwapFile({ path, sizeBytes, quota, holes })
    } catch (cause) {
      if (cause instanceof WaltError) throw cause
      throw new WaltError('swap-file-failed', `The swap file ${path} cannot be opened: ${reasonOf(cause)}.`, {
        cause,
      })
    }
  }

  return {
    open(owner, sizeBytes) {
      const name = fileName(owner)
      const found = opened.get(name)
      if (found && found.file.sizeBytes === sizeBytes) return found.swap
      // Opening it a second time with another size fails and says why; the first stays as it is.
      const file = openFile(join(folder, name), sizeBytes)
      const swap = { ...owner, backend: wrap(file, owner), sizeBytes, usedBytes: file.usedBytes, writer: 0 }
      opened.set(name, { swap, file })
      return swap
    },
    find: (owner) => opened.get(fileName(owner))?.swap,
    list: () => [...opened.values()].map((one) => one.swap),
    forget: (owner) => forgetFile(fileName(owner)),
    sweep(current) {
      const kept = new Set(current.map(fileName))
      const stale = fs.readdirSync(folder).filter((name) => name.endsWith('.swap') && !kept.has(name))
      for (const name of stale) forgetFile(name)
      return stale
    },
    close() {
      for (const { file } of opened.values()) file.close()
      opened.clear()
    },
  }
}
