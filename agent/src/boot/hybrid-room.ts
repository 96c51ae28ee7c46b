/** Room for an image on the disk of a hybrid node: what is removed for it, and which image is the oldest. Pure. */

export type ImageFolder = {
  id: string
  /** Its copy was finished. */
  complete: boolean
  /** When it was last booted, as `bootStamp` has it; 0: never. */
  stampMs: number
}

export type RoomPlan =
  | { kind: 'boot' }
  /** `leftovers` are copies that never got finished: they go. The others may have to, until there is room. */
  | { kind: 'copy'; leftovers: string[]; oldestFirst: string[] }

export function planRoom(folders: readonly ImageFolder[], id: string): RoomPlan {
  if (folders.some((folder) => folder.id === id && folder.complete)) return { kind: 'boot' }
  const leftovers = folders.filter((folder) => !folder.complete).map((folder) => folder.id)
  const oldestFirst = folders
    .filter((folder) => folder.complete)
    .toSorted((a, b) => a.stampMs - b.stampMs)
    .map((folder) => folder.id)
  return { kind: 'copy', leftovers, oldestFirst }
}

/** Later than all others, whatever the clock says: a board without one begins each boot in the past. */
export function bootStamp(folders: readonly ImageFolder[], id: string, nowMs: number): number {
  const others = folders.filter((folder) => folder.id !== id).map((folder) => folder.stampMs)
  return Math.max(nowMs, ...others.map((stamp) => stamp + 1000))
}

/** Which images go for so many bytes; undefined, and so none, where not even all of them would do. */
export function chooseRemovals(
  oldestFirst: readonly { id: string; bytes: number }[],
  missingBytes: number,
): string[] | undefined {
  const going: string[] = []
  let missing = missingBytes
  for (const { id, bytes } of oldestFirst) {
    if (missing <= 0) break
    going.push(id)
    missing -= bytes
  }
  return missing > 0 ? undefined : going
}

/** An image's size, and some for what file systems differ in and for the first files that are written. */
export function roomNeeded(imageBytes: number, marginBytes: number): number {
  return Math.ceil(imageBytes * 1.05) + marginBytes
}
