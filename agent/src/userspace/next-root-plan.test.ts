import type { BootReport } from '@walt/shared/boot-report'
import { describe, expect, it } from 'vitest'
import { type NextRootFacts, nextRootObstacle, nextTmpfsData } from './next-root-plan.ts'

const report: BootReport = {
  version: 1,
  agentVersion: '0.1.0',
  mode: 'network',
  virtual: true,
  kernelUptimeMs: 1,
  totalMs: 1,
  swapBytes: 0,
  zswap: false,
  persist: true,
  steps: [],
  problems: [],
  commandLine: '',
}
const facts: NextRootFacts = {
  report,
  systemdVersion: '257.13-1~deb13u1',
  imageMounted: true,
  persistMounted: true,
}

describe('a restart of user space', () => {
  it.each<[string, Partial<NextRootFacts>, string | undefined]>([
    ['is possible with Debian 13', {}, undefined],
    ['is possible with the first systemd that can', { systemdVersion: '254' }, undefined],
    [
      'is not with Debian 12',
      { systemdVersion: '252.39-1~deb12u1' },
      'needs systemd 254 (this image has 252)',
    ],
    [
      'is not without systemd',
      { systemdVersion: undefined },
      'needs systemd 254 (this image has another init)',
    ],
    [
      'is not where a disk holds the overlay',
      { report: { ...report, mode: 'hybrid-volatile' } },
      'hybrid mode',
    ],
    ['is not on a machine that another has booted', { report: undefined }, 'not booted by walt-agent'],
    [
      'is not without the image below',
      { imageMounted: false },
      'its image is not mounted at /run/walt/root any more',
    ],
    ['is not where /persist would be missing', { persistMounted: false }, '/persist is not mounted any more'],
    [
      'is where /persist was missing before',
      { report: { ...report, persist: false }, persistMounted: false },
      undefined,
    ],
  ])('%s', (_, given, obstacle) => {
    expect(nextRootObstacle({ ...facts, ...given })).toBe(obstacle)
  })

  it('gives the fresh overlay the room of the old one', () => {
    expect(nextTmpfsData({ bytes: 8 * 1024 ** 3, inodes: 62_870 })).toBe(
      'size=8589934592,mode=755,nr_inodes=62870',
    )
    expect(nextTmpfsData({ bytes: 4096, inodes: 0 })).toBe('size=4096,mode=755')
  })
})
