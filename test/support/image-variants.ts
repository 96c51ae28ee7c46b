/** Images that differ from the base image in a few files: linked, and never changed in place. */
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { baseImage, type Platform } from './platform.ts'
import { mustRun } from './run-program.ts'

/** `content` undefined: the file of the base image is left out. */
export type ImageFile = { path: string; content: string | undefined; executable?: boolean }

export async function addImageVariant(
  platform: Platform,
  name: string,
  files: readonly ImageFile[],
): Promise<void> {
  const images = path.join(platform.stateFolder, 'images')
  await mustRun('cp', ['-al', path.join(images, baseImage), path.join(images, name)])
  for (const file of files) {
    const target = path.join(images, name, 'fs', file.path)
    await mkdir(path.dirname(target), { recursive: true })
    // Its content is shared with the other images as long as the link stands.
    await rm(target, { force: true })
    if (file.content === undefined) continue
    await writeFile(target, file.content)
    await chmod(target, file.executable ? 0o755 : 0o644)
  }
}

/** One sum over names, contents, modes and links of all files. */
export async function imageSum(platform: Platform, name: string): Promise<string> {
  const folder = path.join(platform.stateFolder, 'images', name, 'fs')
  const list =
    'find . -printf "%p %m %U %G %l\\n" | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum'
  return mustRun('sh', ['-c', `cd "$1" && { ${list}; } | sha256sum`, 'sh', folder])
}
