/** What `act` makes of each item, in the order of the items; at most so many at a time. The first failure fails all. */
export async function mapAtMost<T, R>(
  max: number,
  items: readonly T[],
  act: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length)
  const waiting = items.entries()
  async function work(): Promise<void> {
    for (const [index, item] of waiting) results[index] = await act(item)
  }
  await Promise.all(Array.from({ length: Math.min(max, items.length) }, work))
  return results
}
