import { readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { humanSize } from '@walt/shared/sizes'
import type { Kernel } from '../linux/kernel.ts'
import { attachNbd, type NbdPeer, swapDevice } from '../linux/nbd-device.ts'
import { encodeSwapHeader } from '../linux/swap-header.ts'

const minFreeFile = '/proc/sys/vm/min_free_kbytes'

/** Raised only: the kernel's own choice may be higher on a large machine. */
function raiseMinFree(bytes: number): void {
  const kilobytes = Math.ceil(bytes / 1024)
  if (Number(readFileSync(minFreeFile, 'utf8')) < kilobytes) writeFileSync(minFreeFile, `${kilobytes}\n`)
}

/** What mkswap does. Through the thread pool, since the device is at the other end of a network. */
async function writeSwapHeader(header: Uint8Array): Promise<void> {
  const device = await open(swapDevice, 'r+')
  try {
    await device.write(header, 0, header.length, 0)
    await device.sync()
  } finally {
    await device.close()
  }
}

export async function attachSwap(
  kernel: Kernel,
  swap: NbdPeer & { minFreeBytes: number; withinMs: number },
): Promise<{ sizeBytes: number; note: string }> {
  const { sizeBytes } = attachNbd(kernel, swap, swap.withinMs)
  raiseMinFree(swap.minFreeBytes)
  await writeSwapHeader(encodeSwapHeader({ sizeBytes, pageBytes: kernel.pageBytes() }))
  await kernel.swapOn({ device: swapDevice, withinMs: swap.withinMs })
  return { sizeBytes, note: `swap of ${humanSize(sizeBytes)} from ${swap.address} on ${swapDevice}` }
}
