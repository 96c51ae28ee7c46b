/** What is known of an image: `image.json` beside its `fs`. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'

const imageRecord = v.object({
  version: v.literal(1),
  suite: v.string(),
  packages: v.array(v.string()),
  builtAt: v.number(),
  sizeBytes: v.number(),
  /** A hash of all that went in but the packages' versions: agent, hooks, key, choices. */
  inputs: v.string(),
})
export type ImageRecord = v.InferOutput<typeof imageRecord>

/** Undefined where there is none, or none of ours: an image may have been made by hand. */
export async function readImageRecord(imageFolder: string): Promise<ImageRecord | undefined> {
  let text: string
  try {
    text = await readFile(join(imageFolder, 'image.json'), 'utf8')
  } catch (thrown) {
    if (
      thrown instanceof Error &&
      'code' in thrown &&
      (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR')
    )
      return undefined
    throw thrown
  }
  try {
    return v.parse(imageRecord, JSON.parse(text))
  } catch {
    return undefined
  }
}

export async function writeImageRecord(imageFolder: string, record: ImageRecord): Promise<void> {
  await writeFile(join(imageFolder, 'image.json'), `${JSON.stringify(record, null, 2)}\n`)
}
