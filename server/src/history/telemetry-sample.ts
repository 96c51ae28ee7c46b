/** For tests: telemetry of a node of 512 MB. */
import type { Telemetry } from '@walt/shared/payloads'

export function telemetryAt(changes: Partial<Telemetry> = {}): Telemetry {
  const mebi = 1024 ** 2
  return {
    bootId: '0'.repeat(16),
    at: 0,
    uptimeSeconds: 100,
    load: [0.5, 0.4, 0.3],
    memory: { totalBytes: 500 * mebi, availableBytes: 200 * mebi, cachedBytes: 0, shmemBytes: 0 },
    swap: { totalBytes: 0, usedBytes: 0 },
    network: { receivedBytes: 0, sentBytes: 0 },
    agent: { residentBytes: 45 * mebi, anonymousBytes: 9 * mebi },
    controlRefused: 0,
    ...changes,
  }
}
