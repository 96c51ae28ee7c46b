export type ByteRange = { offset: number; length: number }

/**
 * Pure: the pages that are in memory as byte ranges, joined over gaps of at most `gapBytes`. Over NFS a read costs more by
 * its round trip than by its bytes, so a few large reads with some waste in them beat many exact ones.
 */
export function joinPages(
  pages: boolean[],
  options: { pageBytes: number; gapBytes: number; sizeBytes: number },
): ByteRange[] {
  const { pageBytes, gapBytes, sizeBytes } = options
  const ranges: ByteRange[] = []
  pages.forEach((present, index) => {
    if (!present) return
    const offset = index * pageBytes
    const end = Math.min(offset + pageBytes, sizeBytes)
    const last = ranges.at(-1)
    if (last !== undefined && offset - (last.offset + last.length) <= gapBytes)
      last.length = end - last.offset
    else ranges.push({ offset, length: end - offset })
  })
  return ranges
}

/** Pure: of /proc/PID/pagemap entries, which pages are there (bit 63; Documentation/admin-guide/mm/pagemap.rst). */
export function presentPages(entries: Uint8Array): boolean[] {
  const count = entries.length / 8
  return Array.from({ length: count }, (_, index) => (entries[index * 8 + 7]! & 0x80) !== 0)
}
