/** What the boot stage knows before it does anything. Reading it changes nothing, so `boot --plan` uses it too. */
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { hostname, totalmem } from 'node:os'
import { type BootSettings, parseKernelCommandLine } from '@walt/shared/kernel-command-line'
import { nodeName } from '@walt/shared/node-names'
import * as v from 'valibot'
import { diskControllers, readDeviceAliases } from './disk-drivers.ts'

export type FilePresence = 'absent' | 'executable' | 'not-executable'

export type BootFacts = {
  settings: BootSettings
  /** What is wrong with the command line. */
  problems: string[]
  /** From the command line, or the host name that the kernel took from ip=. */
  nodeName?: string
  /** Without walt.token. */
  commandLine: string
  kernelUptimeMs: number
  memoryBytes: number
  virtual: boolean
  /** Of /sys, /dev, /dev/pts and /run: what is no mount point yet. */
  missingMounts: string[]
  /** Aliases of devices that disks may hang on (disk-drivers.ts). */
  diskControllers: string[]
  preinit: FilePresence
  init: FilePresence
  systemd: boolean
  /** An empty directory of the image for the union to be mounted on, before it becomes the root. */
  unionPoint: string | undefined
}

const unionPoints = ['/mnt', '/media', '/srv', '/opt']
const mountPoints = ['/sys', '/dev', '/dev/pts', '/run']

export function presenceOf(path: string): FilePresence {
  if (!existsSync(path)) return 'absent'
  try {
    accessSync(path, constants.X_OK)
    return 'executable'
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EACCES') return 'not-executable'
    throw thrown
  }
}

/** A mount point is on another device than the directory above it. */
export function isMountPoint(path: string): boolean {
  if (!existsSync(path)) return false
  return statSync(path).dev !== statSync(`${path}/..`).dev
}

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : ''
}

export function hideToken(commandLine: string): string {
  return commandLine.replace(/(^|\s)walt\.token=\S*/g, '$1walt.token=(hidden)')
}

function knownNodeName(settings: BootSettings): string | undefined {
  if (settings.nodeName !== undefined) return settings.nodeName
  const given = v.safeParse(nodeName, hostname())
  return given.success ? given.output : undefined
}

/** `commandLine` replaces the running kernel's. */
export function readBootFacts(commandLine = readText('/proc/cmdline')): BootFacts {
  const { settings, problems } = parseKernelCommandLine(commandLine)
  const name = knownNodeName(settings)
  const virtual = settings.virtual ?? readText('/sys/class/dmi/id/sys_vendor') === 'QEMU'
  return {
    settings,
    problems,
    ...(name === undefined ? {} : { nodeName: name }),
    commandLine: hideToken(commandLine),
    kernelUptimeMs: Math.round(Number(readText('/proc/uptime').split(' ')[0] ?? 0) * 1000),
    memoryBytes: totalmem(),
    virtual,
    missingMounts: mountPoints.filter((path) => !isMountPoint(path)),
    diskControllers: diskControllers(readDeviceAliases(), virtual),
    preinit: presenceOf('/bin/walt-preinit'),
    init: presenceOf('/sbin/init'),
    systemd: existsSync('/lib/systemd/systemd'),
    unionPoint: unionPoints.find((path) => existsSync(path)),
  }
}
