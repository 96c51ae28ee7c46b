/** Prepares what User Mode Linux needs besides itself: the stub root with its modules, and the preloaded library. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { runCommand } from '../run-command.ts'
import type { UmlFiles } from './uml.ts'

const modulesFolder = '/usr/lib/uml/modules'
const busybox = '/bin/busybox'

/** What the boot stage of a node may need; built-in ones are left out. nbd makes 16 devices unless told. */
const wantedModules = [
  'nfs',
  'nfsv3',
  'overlay',
  'nbd nbds_max=2',
  'ext4',
  'loop',
  // That kernel is one whose watchdogs cannot be set to rest, unless told.
  'softdog nowayout=0',
  'lz4',
  'zsmalloc',
]

/**
 * Made once for each version of what it is made of, and then left alone: kernels may run on it since before this server.
 * @param hooks the folder image-hooks/uml-stub
 * @throws WaltError `uml-unusable` that says what to install
 */
export async function prepareUml(options: {
  hooks: string
  cacheFolder: string
  runFolder: string
}): Promise<UmlFiles> {
  const { hooks, cacheFolder } = options
  const runFolder = join(options.runFolder, 'uml')
  try {
    const folder = join(cacheFolder, `uml-${await versionOf(hooks)}`)
    const complete = join(folder, 'complete')
    if (!existsSync(complete)) {
      await rm(folder, { recursive: true, force: true })
      await makeFiles(hooks, folder)
      await writeFile(complete, '')
    }
    await mkdir(runFolder, { recursive: true })
    const fullXstate = join(folder, 'full-xstate.so')
    return { stub: join(folder, 'stub'), fullXstate, runFolder, memoryFolder: '/dev/shm' }
  } catch (cause) {
    const advice = 'It needs the packages user-mode-linux, busybox-static and binutils.'
    throw new WaltError('uml-unusable', `User Mode Linux cannot be used: ${reasonOf(cause)}. ${advice}`, {
      cause,
    })
  }
}

async function makeFiles(hooks: string, folder: string): Promise<void> {
  const stub = join(folder, 'stub')
  for (const name of ['bin', 'dev', 'mnt', 'modules', 'proc', 'sys']) {
    await mkdir(join(stub, name), { recursive: true })
  }
  await copyFile(join(hooks, 'init'), join(stub, 'init'))
  await checkStatic(busybox)
  await copyFile(busybox, join(stub, 'bin/busybox'))
  await writeFile(join(stub, 'modules/order'), await copyModules(join(stub, 'modules')))
  const object = join(folder, 'full-xstate.o')
  await runCommand('as', ['-o', object, join(hooks, 'full-xstate.s')])
  await runCommand('ld', ['-shared', '-o', join(folder, 'full-xstate.so'), object])
}

/** Another one when something that it is made of is another one. */
async function versionOf(hooks: string): Promise<string> {
  const [release = ''] = await readdir(modulesFolder)
  const files = [busybox, join(modulesFolder, release, 'modules.dep')]
  const times = await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs))
  const texts = await Promise.all(
    ['init', 'full-xstate.s'].map((name) => readFile(join(hooks, name), 'utf8')),
  )
  const all = JSON.stringify([release, times, texts, wantedModules])
  return createHash('sha256').update(all).digest('hex').slice(0, 16)
}

/** Copies the modules and what they depend on; returns their names and options in the order to load them. */
async function copyModules(target: string): Promise<string> {
  const [release] = await readdir(modulesFolder)
  if (release === undefined) throw new Error(`${modulesFolder} is empty`)
  const folder = join(modulesFolder, release)
  const order = loadOrder(await readFile(join(folder, 'modules.dep'), 'utf8'), wantedModules)
  for (const { path } of order) await copyFile(join(folder, path), join(target, basename(path)))
  return order.map(({ line }) => `${line}\n`).join('')
}

/**
 * Pure: from modules.dep (modules.dep(5): `path: path path`) to the wanted modules and theirs, each after what it needs.
 * @param wanted names, each with options after a blank
 */
export function loadOrder(dependencies: string, wanted: readonly string[]): { path: string; line: string }[] {
  const needs = new Map<string, string[]>()
  for (const text of dependencies.split('\n')) {
    const [path = '', rest = ''] = text.split(':')
    if (path !== '')
      needs.set(
        path,
        rest.split(' ').filter((word) => word !== ''),
      )
  }
  const nameOf = (path: string) => basename(path, '.ko')
  const order = new Map<string, string>()
  for (const line of wanted) {
    const [name] = line.split(' ')
    const path = [...needs.keys()].find((one) => nameOf(one) === name)
    if (path === undefined) continue
    // modules.dep lists all that a module needs, the deepest last.
    for (const needed of [...(needs.get(path) ?? [])].reverse())
      if (!order.has(needed)) order.set(needed, nameOf(needed))
    order.set(path, line)
  }
  return [...order].map(([path, line]) => ({ path, line }))
}

/** The stub has no libraries: a program header of type INTERP (3) means that one is asked for (elf(5)). */
async function checkStatic(path: string): Promise<void> {
  const file = await readFile(path)
  const offset = Number(file.readBigUInt64LE(32))
  const size = file.readUInt16LE(54)
  for (let index = 0; index < file.readUInt16LE(56); index++) {
    if (file.readUInt32LE(offset + index * size) === 3) throw new Error(`${path} is not the static one`)
  }
}
