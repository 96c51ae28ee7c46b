/** The images of a server: folders below `images/`, each with its system in `fs`. */
import { access, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { WaltError } from '@walt/shared/errors'
import { imageName } from '@walt/shared/node-names'
import * as v from 'valibot'
import { readImageRecord } from './image-record.ts'

export type Image = {
  name: string
  suite?: string
  /** Folders of boot files: `/boot/<model>/`. */
  models: string[]
  sizeBytes?: number
  builtAt?: number
  /** Why it cannot be booted. */
  problem?: string
}

export type Images = {
  names(): Promise<string[]>
  list(): Promise<Image[]>
  /** @throws WaltError `image-unknown`, `image-invalid` */
  checkBootable(name: string, model: string): Promise<void>
  builtAt(name: string): Promise<number | undefined>
  remove(name: string): Promise<void>
}

const needed = ['bin/walt-init', 'usr/lib/walt/walt-agent']

export function createImages(state: string): Images {
  const folder = join(state, 'images')

  async function names(): Promise<string[]> {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries
      .filter((entry) => entry.isDirectory() && v.is(imageName, entry.name))
      .map((entry) => entry.name)
      .sort()
  }

  async function look(name: string): Promise<Image> {
    const root = join(folder, name, 'fs')
    const models = await modelsOf(root)
    const record = await readImageRecord(join(folder, name))
    const problem = await problemOf(root, models)
    return {
      name,
      models,
      ...(record && { suite: record.suite, sizeBytes: record.sizeBytes, builtAt: record.builtAt }),
      ...(problem !== undefined && { problem }),
    }
  }

  async function checkedName(name: string): Promise<string> {
    if ((await names()).includes(name)) return name
    throw new WaltError('image-unknown', `No image is named "${name}". "walt image show" lists the images.`)
  }

  return {
    names,
    async list() {
      return Promise.all((await names()).map(look))
    },
    async checkBootable(name, model) {
      const image = await look(await checkedName(name))
      const lacks = image.models.includes(model)
        ? undefined
        : `it has no boot files for ${model} (/boot/${model}/)`
      const problem = image.problem ?? lacks
      if (problem) throw new WaltError('image-invalid', `The image ${name} cannot be booted: ${problem}.`)
    },
    builtAt: async (name) => (await readImageRecord(join(folder, name)))?.builtAt,
    async remove(name) {
      const path = join(folder, await checkedName(name))
      // Out of the list at once; a dot is no image's name.
      const going = join(folder, `.${name}.removed`)
      await rm(going, { recursive: true, force: true })
      await rename(path, going)
      await rm(going, { recursive: true, force: true })
    },
  }
}

async function modelsOf(root: string): Promise<string[]> {
  const entries = await readdir(join(root, 'boot'), { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

async function problemOf(root: string, models: readonly string[]): Promise<string | undefined> {
  for (const path of needed) {
    if (!(await isThere(join(root, path)))) return `it has no /${path}`
  }
  if (models.length === 0) return 'it has no boot files (/boot/<model>/kernel)'
  for (const model of models) {
    if (!(await isThere(join(root, 'boot', model, 'kernel')))) return `it has no /boot/${model}/kernel`
  }
  return undefined
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
