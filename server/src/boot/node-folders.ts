/**
 * A node's folder on the server: `fs`, the symlink to its image, and `persist/`. The symlink is moved by rename, so
 * that whoever looks finds the old image or the new one, never none.
 */
import { mkdir, readlink, rename, rm, rmdir, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'

export type NodeFolders = {
  pathOf(node: string): string
  persistPathOf(node: string): string
  imagePathOf(image: string): string
  consolePathOf(node: string): string
  /** Of a virtual node: the files that are its disks. */
  disksPathOf(node: string): string
  /** Makes what is missing, and points the node to the image. */
  prepare(node: string, image: string): Promise<void>
  /** All but a `/persist` that has something in it: nobody else has a copy of that. */
  remove(node: string): Promise<void>
}

export function createNodeFolders(state: string): NodeFolders {
  const pathOf = (node: string) => join(state, 'nodes', node)
  return {
    pathOf,
    persistPathOf: (node) => join(pathOf(node), 'persist'),
    imagePathOf: (image) => join(state, 'images', image, 'fs'),
    consolePathOf: (node) => join(pathOf(node), 'console.log'),
    disksPathOf: (node) => join(pathOf(node), 'disks'),
    async prepare(node, image) {
      const folder = pathOf(node)
      const target = `../../images/${image}/fs`
      const [present, persist] = await Promise.all([
        readlink(join(folder, 'fs')).catch(() => undefined),
        stat(join(folder, 'persist')).catch(() => undefined),
      ])
      if (present === target && persist?.isDirectory()) return
      await mkdir(join(folder, 'persist'), { recursive: true })
      const moved = join(folder, '.fs.new')
      await rm(moved, { force: true })
      await symlink(target, moved)
      await rename(moved, join(folder, 'fs'))
    },
    async remove(node) {
      const folder = pathOf(node)
      for (const name of ['fs', '.fs.new', 'console.log', 'console.log.1'])
        await rm(join(folder, name), { force: true })
      await rm(join(folder, 'disks'), { recursive: true, force: true })
      for (const path of [join(folder, 'persist'), folder]) {
        const kept = await rmdir(path).then(
          () => false,
          (error: NodeJS.ErrnoException) => {
            if (error.code === 'ENOENT') return false
            if (error.code === 'ENOTEMPTY') return true
            throw error
          },
        )
        if (kept) return
      }
    },
  }
}
