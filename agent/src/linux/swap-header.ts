import { WaltError } from '@walt/shared/errors'

const signature = 'SWAPSPACE2'
const versionOffset = 1024
const lastPageOffset = 1028
/** union swap_header of include/linux/swap.h counts pages in 32 bits. */
const pagesMax = 2 ** 32 - 1

/** Pure: the first page of a swap area, what mkswap writes. */
export function encodeSwapHeader(area: { sizeBytes: number; pageBytes: number }): Uint8Array {
  const pages = Math.min(Math.floor(area.sizeBytes / area.pageBytes), pagesMax)
  if (pages < 10) {
    throw new WaltError('swap-too-small', `${area.sizeBytes} bytes are too few for swap: ten pages at least.`)
  }
  const page = Buffer.alloc(area.pageBytes)
  page.writeUInt32LE(1, versionOffset)
  page.writeUInt32LE(pages - 1, lastPageOffset)
  page.write(signature, area.pageBytes - signature.length, 'latin1')
  return page
}
