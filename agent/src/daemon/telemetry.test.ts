import { existsSync } from 'node:fs'
import { telemetry } from '@walt/shared/payloads'
import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import {
  buildTelemetry,
  kilobytesOf,
  overlayUse,
  parseBlockTraffic,
  parseLoad,
  parseMemory,
  parseNetwork,
  parseTemperature,
  parseUptime,
  parseZswap,
} from './telemetry.ts'
import { createTelemetryReader, telemetryPaths } from './telemetry-reader.ts'

// Of a node of 512 MB with swap, Linux 6.12.
const meminfo = `MemTotal:         466520 kB
MemFree:           21876 kB
MemAvailable:      57344 kB
Buffers:               0 kB
Cached:           354304 kB
SwapCached:         1024 kB
Active:            90000 kB
SwapTotal:      16777212 kB
SwapFree:       16752636 kB
Zswap:              9216 kB
Zswapped:          24580 kB
Shmem:            294912 kB
HugePages_Total:       0
Hugepagesize:       2048 kB
`
const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 4992 52 0 0 0 0 0 0 4992 52 0 0 0 0 0 0
  eth0: 91234567   60123    0    0    0     0          0         0  1234567   30456    0    0    0     0       0          0
wlan0:10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0
`

describe('telemetry', () => {
  it('reads memory and swap', () => {
    expect(parseMemory(meminfo)).toEqual({
      memory: {
        totalBytes: 466520 * 1024,
        availableBytes: 57344 * 1024,
        cachedBytes: 354304 * 1024,
        shmemBytes: 294912 * 1024,
      },
      swap: { totalBytes: 16777212 * 1024, usedBytes: 24576 * 1024 },
    })
  })

  it('takes whole names only', () => {
    expect(kilobytesOf(meminfo, 'Cached')).toBe(354304 * 1024)
    expect(kilobytesOf(meminfo, 'Total')).toBeUndefined()
    expect(kilobytesOf(meminfo, 'MemTotal')).toBe(466520 * 1024)
  })

  it('knows zswap with, without, and before meminfo had it', () => {
    expect(parseZswap('Y\n', meminfo)).toEqual({
      enabled: true,
      poolBytes: 9216 * 1024,
      storedBytes: 24580 * 1024,
    })
    expect(parseZswap('N\n', '')).toEqual({ enabled: false })
    expect(parseZswap(undefined, meminfo)).toBeUndefined()
  })

  it('adds up all interfaces but loopback', () => {
    expect(parseNetwork(netDev)).toEqual({ receivedBytes: 91234577, sentBytes: 1234587 })
  })

  it('counts the sectors of the swap device', () => {
    const stat =
      '     200        0    16384      120     3000     1000   262144     5000        0     2000     5120        0        0        0        0        0        0\n'
    expect(parseBlockTraffic(stat)).toEqual({ readBytes: 16384 * 512, writtenBytes: 262144 * 512 })
    expect(parseBlockTraffic(undefined)).toBeUndefined()
  })

  it('reads load, uptime, temperature and the space of the overlay', () => {
    expect(parseLoad('0.52 0.58 0.59 1/389 12345\n')).toEqual([0.52, 0.58, 0.59])
    expect(parseUptime('3650.11 6800.02\n')).toBe(3650.11)
    expect(parseTemperature('48312\n')).toBe(48.312)
    expect(parseTemperature(undefined)).toBeUndefined()
    const space = { blockBytes: 4096, blocks: 1000, freeBlocks: 400, inodes: 500, freeInodes: 100 }
    expect(overlayUse(space)).toEqual({
      totalBytes: 4096000,
      usedBytes: 2457600,
      inodes: 500,
      inodesUsed: 400,
    })
  })

  it('makes a payload of any text', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 8, maxLength: 8 }), (texts) => {
        const [meminfo, loadavg, uptime, netDev, selfStatus, nbdStat, zswapEnabled, temperature] = texts as [
          string,
          string,
          string,
          string,
          string,
          string,
          string,
          string,
        ]
        const sample = buildTelemetry(
          { meminfo, loadavg, uptime, netDev, selfStatus, nbdStat, zswapEnabled, temperature },
          { bootId: '0123456789abcdef', at: 1, space: undefined, controlRefused: 0 },
        )
        v.parse(telemetry, sample)
      }),
    )
  })
})

const hold = (path: string) => path

describe('telemetry reader', () => {
  it('samples this machine', async () => {
    const sample = createTelemetryReader({
      bootId: '0123456789abcdef',
      hold,
      paths: { ...telemetryPaths, overlay: '/dev/shm' },
    })
    const taken = v.parse(telemetry, await sample(Date.now(), 3))
    expect(taken.memory.totalBytes).toBeGreaterThan(taken.memory.availableBytes)
    expect(taken.agent.residentBytes).toBeGreaterThan(10 * 1024 ** 2)
    expect(taken.overlay?.totalBytes).toBeGreaterThan(0)
    expect(taken.zswap !== undefined).toBe(existsSync('/sys/module/zswap'))
    expect(taken.controlRefused).toBe(3)
  })

  it('leaves out what is absent, and gives up without memory or load', async () => {
    const absent = '/nonexistent'
    const bootId = '0123456789abcdef'
    const partial = createTelemetryReader({
      bootId,
      hold,
      paths: {
        ...telemetryPaths,
        overlay: absent,
        nbdStat: absent,
        zswapEnabled: absent,
        temperature: absent,
      },
    })
    expect(Object.keys((await partial(1, 0))!)).not.toContain('zswap')
    const blind = createTelemetryReader({ bootId, hold, paths: { ...telemetryPaths, meminfo: absent } })
    expect(await blind(1, 0)).toBeUndefined()
  })
})
