/**
 * Which state of an image this is. Images are folders that people may change by hand, so it is looked at anew at each
 * boot that may need it: a hybrid node must not boot an old copy for ever.
 */
import { createHash } from 'node:crypto'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

export type ImageIdentity = {
  /** The image's name, and a hash over names, kinds, owners, modes, sizes and times of its files. */
  id: string
  /** What a copy takes. */
  bytes: number
}

/** Nodes that boot at the same time share one look. */
export function createImageIdentities(
  pathOf: (image: string) => string,
): (image: string) => Promise<ImageIdentity> {
  const looks = new Map<string, Promise<ImageIdentity>>()
  return (image) => {
    const known = looks.get(image)
    if (known) return known
    const look = identify(image, pathOf(image)).finally(() => looks.delete(image))
    looks.set(image, look)
    return look
  }
}

async function identify(image: string, root: string): Promise<ImageIdentity> {
  const hash = createHash('sha256')
  const linked = new Set<number>()
  let bytes = 0
  async function walk(folder: string): Promise<void> {
    const names = (await readdir(join(root, folder))).toSorted()
    const found = await Promise.all(names.map((name) => lstat(join(root, folder, name)).catch(ifGone)))
    for (const [index, stats] of found.entries()) {
      if (!stats) continue
      const path = `${folder}/${names[index]}`
      const { mode, uid, gid, rdev } = stats
      // A directory is what is in it.
      const content = stats.isDirectory() ? '' : `${stats.size} ${stats.mtimeMs}`
      hash.update(`${path}\0${mode} ${uid} ${gid} ${rdev} ${content}\n`)
      if (!linked.has(stats.ino)) bytes += stats.blocks * 512
      if (stats.nlink > 1) linked.add(stats.ino)
      if (stats.isDirectory()) await walk(path)
    }
  }
  await walk('')
  return { id: `${image}-${hash.digest('hex').slice(0, 16)}`, bytes }
}

function ifGone(thrown: NodeJS.ErrnoException): undefined {
  if (thrown.code !== 'ENOENT') throw thrown
}
