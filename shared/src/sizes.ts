import { WaltError } from './errors.ts'

const unitBytes: Record<string, number> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }

/**
 * Bytes of a size as the kernel's and QEMU's users write it: `512M`, `16G`, `65536`. Powers of 1024.
 * @throws WaltError `size-invalid`
 */
export function parseSize(text: string): number {
  const match = /^([0-9]{1,16})([KMGT]?)$/i.exec(text)
  const bytes = match ? Number(match[1]) * (unitBytes[match[2]!.toUpperCase()] ?? Number.NaN) : Number.NaN
  if (!Number.isSafeInteger(bytes) || bytes <= 0) {
    throw new WaltError(
      'size-invalid',
      `"${text}" is not a size: write a number and a unit, such as 512M or 16G.`,
    )
  }
  return bytes
}

/** The shortest exact form that `parseSize` reads back to the same number. */
export function formatSize(bytes: number): string {
  for (const unit of ['T', 'G', 'M', 'K']) {
    const size = unitBytes[unit]!
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`
  }
  return String(bytes)
}

/** For a person: `1.4 GiB`. */
export function humanSize(bytes: number): string {
  for (const unit of ['T', 'G', 'M', 'K']) {
    const size = unitBytes[unit]!
    if (bytes >= size) return `${(bytes / size).toFixed(1)} ${unit}iB`
  }
  return `${bytes} B`
}
