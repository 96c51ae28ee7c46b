/** Pages of lists. A cursor names the last entry that was given, so that nothing is skipped when entries come and go. */
import { WaltError } from '@walt/shared/errors'

/**
 * Pure: so many of the entries that come after the cursor's in the order of their keys.
 * `next` is the cursor of the next page.
 */
export function pageOf<T>(
  entries: readonly T[],
  keyOf: (entry: T) => string,
  { cursor, limit }: { cursor?: string | undefined; limit: number },
): { page: T[]; next?: string } {
  const after = entries
    .filter((entry) => cursor === undefined || keyOf(entry) > cursor)
    .toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1))
  const page = after.slice(0, limit)
  const last = page.at(-1)
  return last !== undefined && after.length > limit ? { page, next: keyOf(last) } : { page }
}

/** @throws WaltError `request-invalid` */
export function cursorNumber(cursor: string): number {
  const number = Number(cursor)
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new WaltError('request-invalid', 'cursor: it is what the page before gave as its next.')
}

/** Pure: the `Link` header that names the next page (RFC 8288), for a URL without its host. */
export function nextLink(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  searchParams.set('cursor', cursor)
  return `<${pathname}?${searchParams}>; rel="next"`
}
