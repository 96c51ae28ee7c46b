import { expect, it } from 'vitest'
import { limits } from './limits.ts'

it('every bound is a positive whole number with its unit in its name', () => {
  for (const [name, value] of Object.entries(limits)) {
    expect(name).toMatch(/(?:Ms|Seconds|Bytes|Chars|Max)$/)
    expect(Number.isSafeInteger(value) && value > 0, name).toBe(true)
  }
})

it('what is least is not above what is most', () => {
  for (const [name, value] of Object.entries(limits)) {
    if (!name.includes('Min')) continue
    const most = Object.entries(limits).find(([other]) => other === name.replace('Min', 'Max'))
    if (most) expect(value, name).toBeLessThanOrEqual(most[1])
  }
})

it('a control reply comes while WalT’s server still waits for it', () => {
  expect(limits.controlBlinkMs).toBeLessThan(limits.controlReplyMs)
  expect(limits.imageProbeMs + limits.persistFlushMs + limits.controlDeliveryMs).toBeLessThan(
    limits.controlReplyMs,
  )
  expect(limits.controlDeliveryMs).toBeLessThan(limits.rebootCommandMs)
})

it('a broker packet holds the greatest payload and its topic', () => {
  expect(limits.brokerPacketMaxBytes).toBeGreaterThan(
    limits.mqttPayloadMaxBytes + 4 * limits.nodeNameMaxBytes,
  )
  expect(limits.mqttDmesgMaxBytes).toBeLessThan(limits.mqttPayloadMaxBytes)
  expect(limits.mqttKeepaliveSeconds).toBeLessThan(limits.brokerKeepaliveMaxSeconds)
})

it('every node may connect', () => {
  expect(limits.brokerConnectionsMax).toBeGreaterThanOrEqual(limits.nodesMax)
  expect(limits.swapConnectionsMax).toBeGreaterThanOrEqual(limits.nodesMax)
})

it('a swap server that is away for a while is back before the kernel gives up', () => {
  expect(limits.nbdDeadConnectionSeconds * 1000).toBeGreaterThan(4 * limits.swapSendMs)
})

it('an NBD option holds an export request, and a reply buffer holds whole small reads', () => {
  expect(limits.nbdOptionMaxBytes).toBeGreaterThan(limits.nbdExportNameMaxBytes + 1024)
  expect(limits.swapReplyBufferBytes).toBeGreaterThanOrEqual(128 * 1024)
  expect(limits.nbdPayloadMaxBytes).toBeGreaterThan(limits.swapReplyBufferBytes)
  expect(limits.swapSizeMinBytes % limits.swapBlockBytes).toBe(0)
})

it('telemetry is read well before the next is due', () => {
  expect(limits.telemetryReadMs * 2).toBeLessThan(limits.telemetryIntervalMs)
})

it('a kexec has time left to load the kernel within the time of a hook', () => {
  expect(limits.kexecParametersMs + limits.kexecDownloadMs).toBeLessThan(limits.rebootHookMs)
  expect(limits.rebootHookMs).toBeLessThan(limits.watchdogHookSeconds * 1000)
})

it('the watchdog is petted well before it bites, and waits for the root as long as swap does', () => {
  expect(limits.watchdogPetMaxMs * 3).toBeLessThan(limits.watchdogSeconds * 1000)
  expect(limits.watchdogRootSilentMs).toBeGreaterThanOrEqual(limits.nbdDeadConnectionSeconds * 1000)
})
