/**
 * The kernel command line as a contract between server and agent: WalT's names (root=, nfsroot=, walt.server.ip=,
 * walt.node.model=, walt.node.mac=, BOOTIF=) and ours (walt.*). Unknown names are ignored. A bad value is named in
 * `problems`, and the default stands, so that a typing error in a boot script never loses a node.
 */
import * as v from 'valibot'
import { reasonOf } from './errors.ts'
import { limits } from './limits.ts'
import { bootId, imageId, imageName, ipv4Address, macAddress, nodeName } from './node-names.ts'
import { parseRootLost, type RootLostPolicy, rootLostDefault } from './root-lost.ts'
import { parseSize } from './sizes.ts'

export type NfsShare = { server: string; path: string }

export type BootSettings = {
  /** Absent when the command line is not one of ours; then nothing of WalT can be reached. */
  serverIp?: string
  nodeName?: string
  nodeModel?: string
  nodeMac?: string
  bootId?: string
  /** The node's password for the broker, for this boot only. Never printed. */
  token?: string
  image?: string
  /** Which state of the image; a disk may hold a copy of it (hybrid boot modes). */
  imageId?: string
  /** What a copy of the image takes. */
  imageBytes?: number
  /** The NFS root that the kernel or the initramfs mounted. */
  nfsRoot?: NfsShare
  swapBytes: number | 'off'
  /** `%` of RAM, or bytes. */
  tmpfs: { percent: number } | { bytes: number }
  /** Size of the tmpfs once there is swap. */
  tmpfsSwapBytes: number
  persist: NfsShare | 'off' | 'default'
  /** Unknown here: the DMI string of the machine decides. */
  virtual?: boolean
  kexec: boolean
  rescue: 'reboot' | 'shell'
  /** Seconds without a sign of life until the kernel's watchdog resets the machine. */
  watchdogSeconds: number | 'off'
  rootLost: RootLostPolicy
  mqttPort: number
  nbdPort: number
  httpPort: number
  /** Addresses that may use the control port besides the server's and loopback. */
  controlAllow: string[]
  /** Times of a reboot, shortened by tests that must not wait for 60 s. */
  rebootHookMs: number
  rebootGraceMs: number
}

export type ParsedCommandLine = { settings: BootSettings; problems: string[] }

/** Words of a command line; double quotes keep blanks together, as the kernel has it (lib/cmdline.c, next_arg). */
export function splitCommandLine(text: string): string[] {
  const words = text.slice(0, limits.kernelCommandLineMaxBytes).match(/(?:[^\s"]|"[^"]*"?)+/g) ?? []
  return words.map((word) => word.replaceAll('"', ''))
}

/** For logs and reports. The token may also stand inside another value, where a quote was never closed. */
export function withoutToken(text: string): string {
  return text.replace(/walt\.token=\S*/g, 'walt.token=(hidden)')
}

function nfsShare(text: string, defaultServer: string | undefined): NfsShare {
  const path = (text.split(',')[0] ?? '').trim()
  const colon = path.indexOf(':')
  const share =
    colon < 0
      ? { server: defaultServer ?? '', path }
      : { server: path.slice(0, colon), path: path.slice(colon + 1) }
  v.parse(ipv4Address, share.server)
  if (!share.path.startsWith('/')) throw new Error('the path must begin with "/"')
  return share
}

function choice<const T extends string>(text: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === text)
  if (found === undefined) throw new Error(`it must be one of ${allowed.join(', ')}`)
  return found
}

function portNumber(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) throw new Error('a port is a number from 1 to 65535')
  return port
}

function seconds(text: string): number {
  const value = /^[0-9]{1,4}(?:\.[0-9]{1,3})?$/.test(text) ? Number(text) : 0
  if (value <= 0) throw new Error('it must be a number of seconds above 0')
  return value * 1000
}

function watchdogSeconds(text: string): number | 'off' {
  if (text === 'off') return 'off'
  const value = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0
  const { watchdogMinSeconds: min, watchdogMaxSeconds: max } = limits
  if (value < min || value > max)
    throw new Error(`it must be off, or a number of seconds from ${min} to ${max}`)
  return value
}

function swapSize(text: string): number | 'off' {
  if (text === 'off') return 'off'
  const bytes = parseSize(text)
  if (bytes < limits.swapSizeMinBytes || bytes > limits.swapSizeMaxBytes)
    throw new Error('swap is from 1M to 1T')
  return bytes
}

function tmpfsSize(text: string): BootSettings['tmpfs'] {
  const percent = /^([0-9]{1,3})%$/.exec(text)
  if (!percent) return { bytes: parseSize(text) }
  const value = Number(percent[1])
  if (value < 1 || value > 100) throw new Error('a share of the RAM is from 1% to 100%')
  return { percent: value }
}

type Reader = (settings: BootSettings, value: string) => void

const readers: Record<string, Reader> = {
  'walt.server.ip': (s, value) => {
    s.serverIp = v.parse(ipv4Address, value)
  },
  'walt.node.name': (s, value) => {
    s.nodeName = v.parse(nodeName, value)
  },
  'walt.node.model': (s, value) => {
    s.nodeModel = v.parse(imageName, value)
  },
  'walt.node.mac': (s, value) => {
    s.nodeMac = v.parse(macAddress, value)
  },
  'walt.boot.id': (s, value) => {
    s.bootId = v.parse(bootId, value)
  },
  'walt.token': (s, value) => {
    s.token = value
  },
  'walt.image': (s, value) => {
    s.image = v.parse(imageName, value)
  },
  'walt.image.id': (s, value) => {
    s.imageId = v.parse(imageId, value)
  },
  'walt.image.size': (s, value) => {
    s.imageBytes = parseSize(value)
  },
  'walt.swap': (s, value) => {
    s.swapBytes = swapSize(value)
  },
  'walt.tmpfs': (s, value) => {
    s.tmpfs = tmpfsSize(value)
  },
  'walt.tmpfs.swap': (s, value) => {
    s.tmpfsSwapBytes = parseSize(value)
  },
  'walt.persist': (s, value) => {
    s.persist = value === 'off' ? 'off' : nfsShare(value, s.serverIp)
  },
  'walt.virtual': (s, value) => {
    s.virtual = choice(value, ['0', '1']) === '1'
  },
  'walt.kexec': (s, value) => {
    s.kexec = choice(value, ['0', '1']) === '1'
  },
  'walt.rescue': (s, value) => {
    s.rescue = choice(value, ['reboot', 'shell'])
  },
  'walt.watchdog': (s, value) => {
    s.watchdogSeconds = watchdogSeconds(value)
  },
  'walt.root.lost': (s, value) => {
    s.rootLost = parseRootLost(value)
  },
  'walt.mqtt.port': (s, value) => {
    s.mqttPort = portNumber(value)
  },
  'walt.nbd.port': (s, value) => {
    s.nbdPort = portNumber(value)
  },
  'walt.http.port': (s, value) => {
    s.httpPort = portNumber(value)
  },
  'walt.control.allow': (s, value) => {
    s.controlAllow = value.split(',').map((address) => v.parse(ipv4Address, address))
  },
  'walt.reboot.hook': (s, value) => {
    s.rebootHookMs = seconds(value)
  },
  'walt.reboot.grace': (s, value) => {
    s.rebootGraceMs = seconds(value)
  },
  nfsroot: (s, value) => {
    s.nfsRoot = nfsShare(value, s.serverIp)
  },
}

/** PXE's form: hardware type 01, then the address with hyphens. */
function macOfBootif(value: string): string {
  return v.parse(macAddress, value.replace(/^01-/, '').replaceAll('-', ':'))
}

export function parseKernelCommandLine(text: string): ParsedCommandLine {
  const problems: string[] = []
  const settings: BootSettings = {
    swapBytes: 16 * 1024 ** 3,
    tmpfs: { percent: 50 },
    tmpfsSwapBytes: 8 * 1024 ** 3,
    persist: 'default',
    kexec: true,
    rescue: 'reboot',
    watchdogSeconds: limits.watchdogSeconds,
    rootLost: parseRootLost(rootLostDefault),
    mqttPort: 1883,
    nbdPort: 10_809,
    httpPort: 8080,
    controlAllow: [],
    rebootHookMs: limits.rebootHookMs,
    rebootGraceMs: limits.rebootGraceMs,
  }
  const values = new Map<string, string>()
  for (const word of splitCommandLine(text)) {
    const equals = word.indexOf('=')
    if (equals > 0) values.set(word.slice(0, equals), word.slice(equals + 1))
  }
  // walt.server.ip comes first in `readers`, since paths without a server are on it.
  for (const [name, read] of Object.entries(readers)) {
    const value = values.get(name)
    if (value === undefined) continue
    try {
      read(settings, value)
    } catch (thrown) {
      problems.push(
        withoutToken(`${name}=${value} on the kernel command line is ignored: ${reasonOf(thrown)}`),
      )
    }
  }
  const bootif = values.get('BOOTIF')
  if (settings.nodeMac === undefined && bootif !== undefined) {
    try {
      settings.nodeMac = macOfBootif(bootif)
    } catch (thrown) {
      problems.push(
        withoutToken(`BOOTIF=${bootif} on the kernel command line is ignored: ${reasonOf(thrown)}`),
      )
    }
  }
  return { settings, problems }
}
