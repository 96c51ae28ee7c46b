/**
 * Builds an image: a Debian folder by mmdebstrap, or a copy of another image, with the agent baked in. It is made beside
 * the images and moved there when it is complete.
 */
import { createHash } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { runCommand } from '../run-command.ts'
import { type DebianSuite, debianSources, type SourcesFile } from './debian-sources.ts'
import { bakeImage, filesBelow, initramfsFiles } from './image-bake.ts'
import { readImageRecord, writeImageRecord } from './image-record.ts'

export type ImageBuild = {
  name: string
  state: string
  suite: DebianSuite
  packages: readonly string[]
  mirror: string | null
  /** An image to copy instead of building from packages. */
  from: string | undefined
  agent: string
  authorizedKeys: string
  /** The folders image-hooks and initramfs of this program. */
  hooks: string
  initramfs: string
  /** An image that was made of the same inputs is left as it is. */
  ifOutdated: boolean
  now: () => number
  onProgress: (line: string) => void
  signal?: AbortSignal
}

/** What a node needs; the libraries are the agent's (Node.js). */
const basePackages = [
  ...['systemd-sysv', 'udev', 'kmod', 'busybox', 'openssh-server', 'iproute2', 'procps', 'netbase'],
  ...['libatomic1', 'libstdc++6', 'libgcc-s1', 'linux-image-amd64', 'initramfs-tools', 'less', 'nano'],
]
const models = ['pc-x86-64']
/** Documentation and translations are half of a small system; licences stay. */
const leftOut = ['man', 'info', 'locale', 'doc', 'lintian', 'linda']

/** @throws WaltError `agent-missing`, `image-unknown`, `image-build-failed`, `image-mirror-unknown` */
export async function buildImage(build: ImageBuild): Promise<void> {
  const { name, state, from, onProgress } = build
  const target = join(state, 'images', name)
  const work = join(state, 'cache', `build-${name}`)
  const inputs = await hashInputs(build)
  if (build.ifOutdated && (await readImageRecord(target))?.inputs === inputs) {
    onProgress(`The image ${name} is up to date.`)
    return
  }
  // A build that was killed may have left it.
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { recursive: true })
  try {
    const root = join(work, 'fs')
    const source = from === undefined ? undefined : await copyImage(build, from, root)
    if (!source) await bootstrap(build, root)
    onProgress('baking the agent in')
    await bakeImage(root, { ...build, models })
    const size = await runCommand('du', ['-s', '--block-size=1', root], { timeoutMs: limits.imageBuildMs })
    await writeImageRecord(work, {
      version: 1,
      suite: source?.suite ?? build.suite,
      packages: [...(source?.packages ?? build.packages)],
      builtAt: build.now(),
      sizeBytes: Number(size.split('\t')[0]),
      inputs,
    })
    await replaceFolder(work, target)
    onProgress(`The image ${name} is ready.`)
  } catch (thrown) {
    if (thrown instanceof WaltError && !thrown.code.startsWith('command-')) throw thrown
    const message = `The image ${name} could not be built: ${reasonOf(thrown)}`
    throw new WaltError('image-build-failed', message, { cause: thrown })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function bootstrap(build: ImageBuild, root: string): Promise<void> {
  const { suite, mirror, onProgress, signal } = build
  const sources = debianSources({ suite, mirror, files: await machineSources() })
  onProgress(`Debian ${suite}, from ${sources.length} package sources`)
  const files = initramfsFiles(build)
  const words = [
    ...['--mode=root', '--format=directory', '--variant=minbase'],
    `--include=${[...basePackages, ...build.packages].join(',')}`,
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=Acquire::Languages "none"',
    ...leftOut.map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
    '--dpkgopt=path-include=/usr/share/doc/*/copyright',
    // Nobody loses anything if the machine stops half-way: the build is begun anew.
    '--dpkgopt=force-unsafe-io',
    ...[...new Set(files.map(({ target }) => target.slice(0, target.lastIndexOf('/'))))].map(
      (folder) => `--essential-hook=mkdir -p "$1/${folder}"`,
    ),
    ...files.map(({ source, target }) => `--essential-hook=upload "${source}" /${target}`),
    ...[suite, root, '-'],
  ]
  await runCommand('mmdebstrap', words, {
    input: `${sources.join('\n')}\n`,
    timeoutMs: limits.imageBuildMs,
    onLine: (line) => onProgress(line.replace(/^I: /, '')),
    ...(signal && { signal }),
  })
}

async function copyImage(build: ImageBuild, from: string, root: string) {
  if (build.packages.length > 0) {
    const message = `Packages cannot be added to a copy of ${from}: build the image from packages, without --from.`
    throw new WaltError('image-build-failed', message)
  }
  const folder = join(build.state, 'images', from)
  await access(join(folder, 'fs')).catch((cause) => {
    throw new WaltError('image-unknown', `No image is named "${from}".`, { cause })
  })
  build.onProgress(`copying ${from}`)
  await runCommand('cp', ['-a', join(folder, 'fs'), root], { timeoutMs: limits.imageBuildMs })
  return readImageRecord(folder)
}

/** Old out of the way, new in place, old away: whoever looks in between finds no image, never half a one. */
async function replaceFolder(made: string, target: string): Promise<void> {
  const old = `${made}.old`
  await rm(old, { recursive: true, force: true })
  await mkdir(join(target, '..'), { recursive: true })
  await rename(target, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  await rename(made, target)
  await rm(old, { recursive: true, force: true })
}

async function hashInputs(build: ImageBuild): Promise<string> {
  const hash = createHash('sha256')
  const { suite, packages, mirror, from = null, authorizedKeys } = build
  hash.update(
    JSON.stringify({ suite, packages, mirror, from, authorizedKeys, basePackages, leftOut, models }),
  )
  await access(build.agent).catch((cause) => {
    const message = `There is no agent at ${build.agent}: build it with "npm run build:agent", or name it with --agent.`
    throw new WaltError('agent-missing', message, { cause })
  })
  for (const file of [
    build.agent,
    ...(await filesBelow(build.hooks)),
    ...(await filesBelow(build.initramfs)),
  ]) {
    hash.update(await readFile(file))
  }
  return hash.digest('hex')
}

async function machineSources(): Promise<SourcesFile[]> {
  const folder = '/etc/apt/sources.list.d'
  const names = await readdir(folder).catch(() => [])
  const paths = ['/etc/apt/sources.list', ...names.map((name) => join(folder, name))]
  const files: SourcesFile[] = []
  for (const name of paths.filter((path) => /\.(list|sources)$/.test(path))) {
    const text = await readFile(name, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (text !== undefined) files.push({ name, text })
  }
  return files
}
