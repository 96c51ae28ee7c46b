/**
 * The single binary: one minified CommonJS bundle inside Node's own executable, stripped first. On the architecture that
 * it is built on it carries V8's code cache, so that a start compiles nothing.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { build } from 'esbuild'
import { createLibcKernel } from '../src/linux/libc-kernel.ts'
import { measureRanges } from './measure-ranges.ts'

export type AgentArchitecture = 'x64' | 'arm64'
export type BuildOptions = { arch: AgentArchitecture; force: boolean; say: (line: string) => void }
export type BuiltAgent = { binary: string; ranges: string | undefined }

const root = join(import.meta.dirname, '..', '..')
const output = join(root, 'dist', 'agent')
const run = promisify(execFile)

/** design: a small young generation and no helper threads; a node's memory is owed to its user. */
const v8Flags = ['--max-semi-space-size=1', '--optimize-for-size', '--v8-pool-size=1', '--single-threaded']
const execArgv = [...v8Flags, '--disable-sigusr1', '--experimental-ffi', '--no-warnings']

const stripPrograms = { x64: 'x86_64-linux-gnu-strip', arm64: 'aarch64-linux-gnu-strip' }
const stripPackages = { x64: 'binutils', arm64: 'binutils-aarch64-linux-gnu' }

/** Node's own binary, as npm brings it for an architecture. */
function nodePackage(arch: AgentArchitecture): { binary: string; version: string } {
  const require = createRequire(import.meta.url)
  const manifest = `node-linux-${arch}/package.json`
  try {
    const binary = join(dirname(require.resolve(manifest)), 'bin', 'node')
    return { binary, version: String(require(manifest).version) }
  } catch (cause) {
    const message = `Package node-linux-${arch} is not installed; "npm ci --force --cpu=${arch}" brings it.`
    throw new WaltError('node-binary-missing', message, { cause })
  }
}

async function strip(arch: AgentArchitecture, path: string): Promise<void> {
  try {
    await run(stripPrograms[arch], ['--strip-all', path])
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    const what = missing
      ? `${stripPrograms[arch]} is missing: install the package ${stripPackages[arch]}`
      : `${stripPrograms[arch]} cannot strip ${path}`
    throw new WaltError('strip-failed', `${what}.`, { cause })
  }
}

async function bundle(): Promise<string> {
  const result = await build({
    entryPoints: [join(root, 'agent', 'src', 'main.ts')],
    bundle: true,
    minify: true,
    keepNames: false,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    write: false,
    legalComments: 'none',
    logLevel: 'error',
  })
  const [file] = result.outputFiles
  if (file === undefined) throw new WaltError('bundle-empty', 'esbuild made no bundle of the agent.')
  return file.text
}

function fingerprint(parts: (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part).update('\0')
  return hash.digest('hex')
}

async function inject(arch: AgentArchitecture, script: string, work: string): Promise<string> {
  const stripped = join(work, 'node')
  copyFileSync(nodePackage(arch).binary, stripped)
  await strip(arch, stripped)
  const main = join(work, 'agent.cjs')
  writeFileSync(main, script)
  const binary = join(work, 'walt-agent')
  const config = join(work, 'sea.json')
  const sea = {
    main,
    output: binary,
    executable: stripped,
    execArgv,
    execArgvExtension: 'none',
    disableExperimentalSEAWarning: true,
    useCodeCache: arch === process.arch,
  }
  writeFileSync(config, JSON.stringify(sea))
  await run(process.execPath, ['--build-sea', config])
  return binary
}

/** Builds what has changed only; the binary is complete or absent. */
export async function buildAgent(options: BuildOptions): Promise<BuiltAgent> {
  const { arch, force, say } = options
  const native = arch === process.arch
  const binary = join(output, `walt-agent-${arch}`)
  const ranges = native ? `${binary}.ranges` : undefined
  const mark = `${binary}.inputs`
  const script = await bundle()
  const inputs = fingerprint([script, nodePackage(arch).version, JSON.stringify(execArgv)])
  const fresh = existsSync(binary) && existsSync(mark) && readFileSync(mark, 'utf8') === inputs
  if (fresh && !force && (ranges === undefined || existsSync(ranges))) {
    say(`${binary} is up to date`)
    return { binary, ranges }
  }

  const work = join(output, `work-${process.pid}`)
  mkdirSync(work, { recursive: true })
  try {
    const made = await inject(arch, script, work)
    const bytes = statSync(made).size
    if (bytes > limits.agentBinaryMaxBytes) {
      throw new WaltError(
        'agent-too-large',
        `The agent has ${bytes} bytes; ${limits.agentBinaryMaxBytes} are allowed.`,
      )
    }
    rmSync(mark, { force: true })
    renameSync(made, binary)
    const kibibytes = Math.round(script.length / 1024)
    say(`${binary}: ${(bytes / 1e6).toFixed(1)} MB, of which ${kibibytes} KiB are ours`)
    if (ranges !== undefined) {
      const measured = await measureRanges(createLibcKernel(), binary)
      writeFileSync(ranges, measured.map(({ offset, length }) => `${offset} ${length}\n`).join(''))
      const touched = measured.reduce((sum, range) => sum + range.length, 0)
      say(`a start reads ${(touched / 1e6).toFixed(1)} MB of it in ${measured.length} ranges`)
    }
    writeFileSync(mark, inputs)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return { binary, ranges }
}
