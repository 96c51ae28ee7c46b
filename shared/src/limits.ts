/**
 * Every bound of the system, with its unit in its name: `Ms`, `Bytes`, `Max` for a count.
 * The relations between them are asserted in `limits.test.ts`.
 */
export const limits = {
  /** Control port: WalT's server waits 15 s to connect and 15 s for the first line of a reply. */
  controlIdleMs: 15_000,
  controlReplyMs: 15_000,
  controlLineMaxBytes: 4_096,
  controlConnectionsMax: 512,
  /** How long a `BLINK` script may take, under controlReplyMs. */
  controlBlinkMs: 10_000,
  /** `OK` must have reached the peer before the machine goes, yet a dead peer may not hold a reboot up. */
  controlDeliveryMs: 1_000,

  /** A reboot hook may download a kernel: 60 s; then 30 s for the machine to be gone. */
  rebootHookMs: 60_000,
  rebootGraceMs: 30_000,
  /** The operating system's own `reboot` command must return within this time. */
  rebootCommandMs: 2_000,
  persistFlushMs: 5_000,

  /** Steps of the boot stage. */
  bootStepMs: 20_000,
  bootRescueDelayMs: 10_000,
  bootNetworkStepMs: 10_000,

  mqttPayloadMaxBytes: 256 * 1024,
  mqttKeepaliveSeconds: 15,
  mqttConnectMs: 10_000,
  mqttReconnectMinMs: 500,
  mqttReconnectMaxMs: 30_000,
  brokerConnectionsMax: 1_024,
  telemetryIntervalMs: 10_000,
  telemetryReadMs: 1_000,
  inventoryMs: 60_000,
  sshProbeIntervalMs: 500,
  sshProbeMs: 2_000,
  onBootupMs: 600_000,

  nodeNameMaxBytes: 63,
  nodesMax: 1_024,
  httpBodyMaxBytes: 1024 * 1024,
  kernelCommandLineMaxBytes: 4_096,

  swapSizeMinBytes: 1024 ** 2,
  swapSizeMaxBytes: 1024 ** 4,
} as const
