/** Parsers of the kernel's texts (Documentation/filesystems/proc.rst, Documentation/block/stat.rst). Pure. */
import type { Telemetry } from '@walt/shared/payloads'

export type TelemetryTexts = {
  meminfo: string
  loadavg: string
  uptime: string
  netDev: string
  selfStatus: string
  /** /proc/pressure/memory */
  pressure?: string
  /** /sys/block/nbd0/stat */
  nbdStat?: string
  /** /sys/module/zswap/parameters/enabled */
  zswapEnabled?: string
  /** /sys/class/thermal/thermal_zone0/temp, millidegrees. */
  temperature?: string
}

export type OverlaySpace = {
  blockBytes: number
  blocks: number
  freeBlocks: number
  inodes: number
  freeInodes: number
}

const sectorBytes = 512

/** A value of `Name:   123 kB` lines, in bytes. */
export function kilobytesOf(text: string, name: string): number | undefined {
  const start = text.startsWith(`${name}:`) ? 0 : text.indexOf(`\n${name}:`)
  if (start < 0) return undefined
  const value = Number.parseInt(text.slice(text.indexOf(':', start) + 1), 10)
  return Number.isNaN(value) ? undefined : value * 1024
}

export function parseMemory(meminfo: string): Pick<Telemetry, 'memory' | 'swap'> {
  const of = (name: string) => kilobytesOf(meminfo, name) ?? 0
  return {
    memory: {
      totalBytes: of('MemTotal'),
      availableBytes: of('MemAvailable'),
      cachedBytes: of('Cached'),
      shmemBytes: of('Shmem'),
    },
    swap: { totalBytes: of('SwapTotal'), usedBytes: of('SwapTotal') - of('SwapFree') },
  }
}

/** Meminfo has the pool since Linux 5.19; the switch is a parameter of the module. */
export function parseZswap(enabled: string | undefined, meminfo: string): Telemetry['zswap'] {
  if (enabled === undefined) return undefined
  const poolBytes = kilobytesOf(meminfo, 'Zswap')
  const storedBytes = kilobytesOf(meminfo, 'Zswapped')
  return {
    enabled: enabled.startsWith('Y'),
    ...(poolBytes !== undefined && { poolBytes }),
    ...(storedBytes !== undefined && { storedBytes }),
  }
}

export function parseLoad(loadavg: string): [number, number, number] {
  const [one, five, fifteen] = loadavg.split(' ', 3).map(Number)
  return [finite(one), finite(five), finite(fifteen)]
}

export function parseUptime(uptime: string): number {
  return finite(Number.parseFloat(uptime))
}

/** All interfaces but loopback: received bytes are the first column, sent bytes the ninth. */
export function parseNetwork(netDev: string): Telemetry['network'] {
  const sum = { receivedBytes: 0, sentBytes: 0 }
  for (const line of netDev.split('\n')) {
    const colon = line.indexOf(':')
    if (colon < 0 || line.slice(0, colon).trim() === 'lo') continue
    const columns = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
    sum.receivedBytes += finite(Number(columns[0]))
    sum.sentBytes += finite(Number(columns[8]))
  }
  return sum
}

/** Sectors read are the third column, sectors written the seventh; a sector here is always 512 bytes. */
export function parseBlockTraffic(stat: string | undefined): Telemetry['nbd'] {
  if (stat === undefined) return undefined
  const columns = stat.trim().split(/\s+/)
  return {
    readBytes: finite(Number(columns[2])) * sectorBytes,
    writtenBytes: finite(Number(columns[6])) * sectorBytes,
  }
}

/** Lines `some avg10=0.12 avg60=...` and `full avg10=...` (Documentation/accounting/psi.rst). */
export function parsePressure(text: string | undefined): Telemetry['pressure'] {
  if (text === undefined) return undefined
  const of = (line: string) =>
    finite(Number(new RegExp(`^${line} avg10=([0-9.]+)`, 'm').exec(text)?.[1] ?? 0))
  return { somePercent: of('some'), fullPercent: of('full') }
}

export function parseTemperature(text: string | undefined): number | undefined {
  const value = text === undefined ? Number.NaN : Number.parseInt(text, 10)
  return Number.isNaN(value) ? undefined : value / 1000
}

export function overlayUse(space: OverlaySpace | undefined): Telemetry['overlay'] {
  if (!space) return undefined
  return {
    totalBytes: space.blocks * space.blockBytes,
    usedBytes: (space.blocks - space.freeBlocks) * space.blockBytes,
    inodes: space.inodes,
    inodesUsed: space.inodes - space.freeInodes,
  }
}

/** `lostSeconds` undefined: the swap works. */
export function withSwapLost(sample: Telemetry | undefined, lostSeconds: number | undefined) {
  if (!sample?.nbd || lostSeconds === undefined) return sample
  return { ...sample, nbd: { ...sample.nbd, lostSeconds } }
}

export function buildTelemetry(
  texts: TelemetryTexts,
  more: { bootId: string; at: number; space: OverlaySpace | undefined; controlRefused: number },
): Telemetry {
  const zswap = parseZswap(texts.zswapEnabled, texts.meminfo)
  const overlay = overlayUse(more.space)
  const nbd = parseBlockTraffic(texts.nbdStat)
  const pressure = parsePressure(texts.pressure)
  const temperatureCelsius = parseTemperature(texts.temperature)
  return {
    bootId: more.bootId,
    at: more.at,
    uptimeSeconds: parseUptime(texts.uptime),
    load: parseLoad(texts.loadavg),
    ...parseMemory(texts.meminfo),
    ...(zswap && { zswap }),
    ...(overlay && { overlay }),
    ...(pressure && { pressure }),
    ...(nbd && { nbd }),
    network: parseNetwork(texts.netDev),
    ...(temperatureCelsius !== undefined && { temperatureCelsius }),
    agent: {
      residentBytes: kilobytesOf(texts.selfStatus, 'VmRSS') ?? 0,
      anonymousBytes: kilobytesOf(texts.selfStatus, 'RssAnon') ?? 0,
    },
    controlRefused: more.controlRefused,
  }
}

function finite(value: number | undefined): number {
  return value !== undefined && Number.isFinite(value) ? value : 0
}
