import type { Telemetry } from '@walt/shared/payloads'
import { afterEach, describe, expect, it } from 'vitest'
import { type FillGuardOptions, startFillGuard } from './fill-guard.ts'

let guard: { stop(): void } | undefined
afterEach(() => guard?.stop())

function sampleOf(usedPercent: number): Telemetry {
  return {
    ...{ at: 0, uptimeSeconds: 1, load: [0, 0, 0], controlRefused: 0 },
    memory: { totalBytes: 1000, availableBytes: 1000, cachedBytes: 0, shmemBytes: 0 },
    swap: { totalBytes: 0, usedBytes: 0 },
    overlay: { totalBytes: 100, usedBytes: usedPercent, inodes: 100, inodesUsed: 1 },
    network: { receivedBytes: 0, sentBytes: 0 },
    agent: { residentBytes: 0, anonymousBytes: 0 },
  }
}

function start(percents: number[], given: Partial<FillGuardOptions> = {}) {
  const said: string[] = []
  const looks = { files: 0, samples: 0 }
  guard = startFillGuard({
    async sample() {
      looks.samples += 1
      return sampleOf(percents[Math.min(looks.samples, percents.length) - 1] ?? 0)
    },
    async largestFiles() {
      looks.files += 1
      return [{ name: '/root/large', bytes: 80 }]
    },
    largestProcesses: async () => [{ name: 'perl 7', bytes: 9 }],
    tell: (level, message) => said.push(`${level}: ${message}`),
    intervalMs: 2,
    lookMs: 50,
    ...given,
  })
  return { said, looks }
}

describe('fill guard', () => {
  it('says once that a level is crossed, with what is largest, and looks for that only then', async () => {
    const { said, looks } = start([10, 20, 82])
    await expect.poll(() => looks.samples).toBeGreaterThan(20)
    expect(said).toEqual([
      'warning: the writable layer is 82 % full (82 B of 100 B); largest files: /root/large (80 B); largest processes: perl 7 (9 B)',
    ])
    expect(looks.files).toBe(1)
  })

  it('says it as an error above the upper level', async () => {
    const { said } = start([82, 96])
    await expect.poll(() => said).toHaveLength(2)
    expect(said[1]).toMatch(/^error: the writable layer is 96 % full/)
  })

  it('does not wait for what is largest', async () => {
    const { said } = start([82], {
      largestFiles: () => new Promise(() => undefined),
      largestProcesses: async () => {
        throw new Error('too many files are open')
      },
    })
    await expect
      .poll(() => said[0])
      .toMatch(/files could not be had in time.*processes could not be had in time/)
  })

  it('says once that it cannot look, and goes on', async () => {
    let samples = 0
    const sample = async () => {
      samples += 1
      throw new Error('no descriptor is left')
    }
    const { said } = start([], { sample })
    await expect.poll(() => samples).toBeGreaterThan(5)
    expect(said).toEqual(['warning: memory could not be looked at: no descriptor is left'])
  })
})
