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

it('a fresh root is there, or is given up, before the server stops waiting for the answer', () => {
  expect(limits.systemdVersionMs).toBeLessThan(limits.nextRootMs)
  expect(limits.nextRootMs).toBeLessThan(limits.nodeReplyMs)
})

it('the root is found degraded, fill and pressure are looked at, before it is too late', () => {
  expect(limits.rootProbeMs).toBeLessThan(limits.rootProbeIntervalMs)
  const degradedMs = limits.rootProbeIntervalMs * (limits.rootMissedProbesMax + 1)
  expect(degradedMs).toBeLessThanOrEqual(limits.rootLostMinSeconds * 1000)
  expect(limits.rootLostSeconds).toBeGreaterThanOrEqual(limits.rootLostMinSeconds)
  expect(limits.fillLookMs).toBeGreaterThan(limits.changesLookMs)
})

it('the watchdog is petted well before it bites', () => {
  expect(limits.watchdogPetMaxMs * 3).toBeLessThan(limits.watchdogSeconds * 1000)
})

it('a copy to a hybrid disk has come to an end, good or bad, when its step has', () => {
  const flushes = 2 * limits.hybridFlushMs
  const longest = limits.hybridMountMs + limits.hybridRemoveMs + limits.hybridCopyMs + flushes
  expect(longest).toBeLessThan(limits.hybridImageStepMs)
  expect(limits.hybridMountMs + limits.hybridRemoveMs).toBeLessThanOrEqual(limits.hybridOverlayStepMs)
  expect(limits.hybridStallMs).toBeLessThan(limits.hybridCopyMs)
})

it('a message of log lines fits into a payload, however it is escaped', () => {
  expect(limits.agentLogBatchMaxBytes * 6).toBeLessThan(limits.mqttPayloadMaxBytes)
  expect(limits.logMessageMaxChars * 6).toBeLessThan(limits.agentLogBatchMaxBytes)
  expect(limits.agentLogLinesMax).toBeGreaterThan(limits.logLinesBatchMax)
})

it('every step of history is kept for whole steps of the next one', () => {
  expect(limits.historyMinuteMs % limits.historyFineMs).toBe(0)
  expect(limits.historyCoarseMs % limits.historyMinuteMs).toBe(0)
  expect(limits.historyFineKeepMs % limits.historyCoarseMs).toBe(0)
  expect(limits.telemetryIntervalMs).toBe(limits.historyFineMs)
})

it('what outlives a server ends while its stop waits for it, and nodes have the time to come back to the next one', () => {
  expect(limits.lastingEndMs).toBeLessThan(limits.serverStopMs)
  expect(limits.nodeReconnectMs).toBeGreaterThan(limits.mqttReconnectMaxMs + limits.mqttConnectMs)
})

it('the dashboard waits for a second beat before it takes a stream for dead', () => {
  expect(limits.webSilenceMs).toBeGreaterThan(2 * limits.apiStreamBeatMs)
})
