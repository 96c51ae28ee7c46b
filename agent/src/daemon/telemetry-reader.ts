import { existsSync, openSync, read, statfs } from 'node:fs'
import { limits } from '@walt/shared/limits'
import type { Telemetry } from '@walt/shared/payloads'
import type { HoldPath } from './held-paths.ts'
import { buildTelemetry, type OverlaySpace } from './telemetry.ts'

/** /proc and /sys only, and a tmpfs for the overlay's space: nothing here is on NFS. */
export const telemetryPaths = {
  meminfo: '/proc/meminfo',
  loadavg: '/proc/loadavg',
  uptime: '/proc/uptime',
  netDev: '/proc/net/dev',
  selfStatus: '/proc/self/status',
  /** Not in every kernel: CONFIG_PSI, and psi=1 where it is off by default. */
  pressure: '/proc/pressure/memory',
  nbdStat: '/sys/block/nbd0/stat',
  zswapEnabled: '/sys/module/zswap/parameters/enabled',
  temperature: '/sys/class/thermal/thermal_zone0/temp',
  overlay: '/run/walt/tmpfs',
}

const required = ['meminfo', 'loadavg', 'uptime', 'netDev', 'selfStatus'] as const
const optional = ['pressure', 'nbdStat', 'zswapEnabled', 'temperature'] as const

/**
 * Reads samples. Files stay open, and are read one after the other into one buffer; one that does not answer in time (a
 * sensor that hangs) is left out until it does.
 */
export function createTelemetryReader(options: {
  bootId: string
  hold: HoldPath
  paths?: typeof telemetryPaths
}) {
  const paths = options.paths ?? telemetryPaths
  const files = new Map([...required, ...optional].map((name) => [name, openIfThere(paths[name])]))
  const overlay = existsSync(paths.overlay) ? options.hold(paths.overlay) : undefined
  const buffer = Buffer.alloc(16 * 1024)
  let hanging = false

  /** Undefined: absent, or not in time. The kernel writes the text anew for every read from the start. */
  function readText(
    name: (typeof required)[number] | (typeof optional)[number],
  ): Promise<string | undefined> {
    const fd = files.get(name)
    if (fd === undefined) return Promise.resolve(undefined)
    return inTime<string | undefined>((done) => {
      read(fd, buffer, 0, buffer.length, 0, (error, length) => {
        done(error ? undefined : buffer.toString('latin1', 0, length))
      })
    })
  }

  function readSpace(): Promise<OverlaySpace | undefined> {
    if (overlay === undefined) return Promise.resolve(undefined)
    return inTime<OverlaySpace | undefined>((done) => {
      statfs(overlay, (error, stats) => {
        if (error) return done(undefined)
        const { bsize, blocks, bfree, files, ffree } = stats
        done({ blockBytes: bsize, blocks, freeBlocks: bfree, inodes: files, freeInodes: ffree })
      })
    })
  }

  /** While a read hangs it may still write into the buffer, and it holds the thread: nothing else is begun. */
  function inTime<T>(begin: (done: (value: T) => void) => void): Promise<T | undefined> {
    if (hanging) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        hanging = true
        resolve(undefined)
      }, limits.telemetryReadMs)
      begin((value) => {
        clearTimeout(timer)
        hanging = false
        resolve(value)
      })
    })
  }

  /** Undefined when the kernel does not answer in time. */
  return async function sample(at: number, controlRefused: number): Promise<Telemetry | undefined> {
    const texts: Record<(typeof required)[number], string> &
      Partial<Record<(typeof optional)[number], string>> = {
      meminfo: '',
      loadavg: '',
      uptime: '',
      netDev: '',
      selfStatus: '',
    }
    for (const name of required) {
      const text = await readText(name)
      if (text === undefined) return undefined
      texts[name] = text
    }
    for (const name of optional) {
      const text = await readText(name)
      if (text !== undefined) texts[name] = text
    }
    return buildTelemetry(texts, { bootId: options.bootId, at, space: await readSpace(), controlRefused })
  }
}

function openIfThere(path: string): number | undefined {
  return existsSync(path) ? openSync(path, 'r') : undefined
}
