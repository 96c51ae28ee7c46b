import { readFileSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { humanSize } from '@walt/shared/sizes'
import type { Kernel } from '../linux/kernel.ts'
import { attachNbd, detachNbd, type NbdPeer, swapDevice } from '../linux/nbd-device.ts'
import { encodeSwapHeader } from '../linux/swap-header.ts'

const minFreeFile = '/proc/sys/vm/min_free_kbytes'

/** Raised only: the kernel's own choice may be higher on a large machine. */
function raiseMinFree(bytes: number): void {
  const kilobytes = Math.ceil(bytes / 1024)
  if (Number(readFileSync(minFreeFile, 'utf8')) < kilobytes) writeFileSync(minFreeFile, `${kilobytes}\n`)
}

/** What mkswap does. Through the thread pool, since the device is at the other end of a network. */
async function writeSwapHeader(header: Uint8Array, withinMs: number): Promise<void> {
  const written = writeFile(swapDevice, header, { flag: 'r+', flush: true })
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    late.reject(new WaltError('deadline-passed', `${swapDevice}: no answer within ${withinMs / 1000} s`))
  }, withinMs)
  await Promise.race([written, late.promise]).finally(() => clearTimeout(timer))
}

export async function attachSwap(
  kernel: Kernel,
  swap: NbdPeer & { minFreeBytes: number; withinMs: number },
): Promise<{ sizeBytes: number; note: string }> {
  const { sizeBytes } = attachNbd(kernel, swap, swap.withinMs)
  raiseMinFree(swap.minFreeBytes)
  try {
    await writeSwapHeader(encodeSwapHeader({ sizeBytes, pageBytes: kernel.pageBytes() }), swap.withinMs)
    await kernel.swapOn({ device: swapDevice, withinMs: swap.withinMs })
  } catch (thrown) {
    // A thread that waits for the device would hold up the start of the image's init: execve(2) ends all threads first.
    await detachNbd(kernel, limits.nbdDetachMs).catch((cause) => {
      throw new WaltError('swap-stuck', `${reasonOf(thrown)}; ${reasonOf(cause)}`, { cause: thrown })
    })
    throw thrown
  }
  return { sizeBytes, note: `swap of ${humanSize(sizeBytes)} from ${swap.address} on ${swapDevice}` }
}
