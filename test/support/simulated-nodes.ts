/** Nodes that are clients only: each boots by HTTP and speaks MQTT as an agent does, from an address of its own. */
import type { BootReport } from '@walt/shared/boot-report'
import { nodeTopics } from '@walt/shared/mqtt-topics'
import type { Telemetry } from '@walt/shared/payloads'
import mqtt, { type MqttClient } from 'mqtt'
import type { LoopbackServer } from './loopback-server.ts'

export type SimulatedNode = {
  name: string
  address: string
  bootId: string
  client: MqttClient
  say(state: 'booting' | 'booted' | 'rebooting' | 'down', cause?: string): Promise<unknown>
  tellTelemetry(at: number, part: number): Promise<unknown>
  /** What its boot stage did. */
  tellBoot(): Promise<unknown>
  /** As when its power goes. */
  lose(): void
}

const concurrent = 16

/** Nodes that the server has registered, booting; in the order of the names. */
export async function createSimulatedNodes(server: LoopbackServer, names: readonly string[]): Promise<void> {
  await inTurn(names, async (name, index) => {
    const mac = `02:00:00:00:${hex(index >> 8)}:${hex(index & 255)}`
    const image = index % 3 === 0 ? 'debian13' : 'debian12'
    const created = await server.api('POST', 'nodes', { name, mac, image })
    if (created.status !== 201) throw new Error(`${name}: ${created.body}`)
  })
}

/** Begins a boot of each, and connects it to the broker. */
export function bootSimulatedNodes(
  server: LoopbackServer,
  names: readonly string[],
): Promise<SimulatedNode[]> {
  return inTurn(names, (name) => bootSimulatedNode(server, name))
}

export async function bootSimulatedNode(server: LoopbackServer, name: string): Promise<SimulatedNode> {
  const { address, mac } = (await server.api('GET', `nodes/${name}`)).json<{ address: string; mac: string }>()
  const begun = await server.tcp('GET', `/boot/${mac}/parameters`, address)
  const { kernelArguments, bootId } = begun.json<{ kernelArguments: string; bootId: string }>()
  const password = /walt\.token=(\S+)/.exec(kernelArguments)?.[1] ?? ''
  const topics = nodeTopics(name)
  const stateOf = (state: string, cause?: string) =>
    JSON.stringify({ state, bootId, since: Date.now(), mode: 'network', ...(cause ? { cause } : {}) })
  const client = await mqtt.connectAsync({
    host: '127.0.0.1',
    port: server.config.broker.port,
    username: name,
    password,
    reconnectPeriod: 0,
    keepalive: 60,
    will: { topic: topics.state, payload: Buffer.from(stateOf('down')), qos: 1, retain: true },
  })
  client.on('error', () => client.end(true))
  return {
    name,
    address,
    bootId,
    client,
    say: (state, cause) => client.publishAsync(topics.state, stateOf(state, cause), { qos: 1, retain: true }),
    tellTelemetry: (at, part) =>
      client.publishAsync(topics.telemetry, JSON.stringify(telemetryOf(bootId, at, part))),
    tellBoot: () => client.publishAsync(topics.boot, JSON.stringify(bootOf(name, bootId)), { qos: 1 }),
    lose: () => client.stream.destroy(),
  }
}

const mebibyte = 1024 ** 2

/** What a node of 512 MB might say; `part`, from 0 to 1, is how busy it is. */
function telemetryOf(bootId: string, at: number, part: number): Telemetry {
  return {
    bootId,
    at,
    uptimeSeconds: 100,
    load: [part * 2, part, part],
    memory: {
      totalBytes: 512 * mebibyte,
      availableBytes: (1 - part) * 400 * mebibyte,
      cachedBytes: 90 * mebibyte,
      shmemBytes: 10 * mebibyte,
    },
    swap: { totalBytes: 16_384 * mebibyte, usedBytes: part * 300 * mebibyte },
    zswap: { enabled: true, poolBytes: part * 20 * mebibyte, storedBytes: part * 60 * mebibyte },
    overlay: {
      totalBytes: 8_192 * mebibyte,
      usedBytes: part * 900 * mebibyte,
      inodes: 65_536,
      inodesUsed: Math.round(part * 9_000),
    },
    nbd: { readBytes: at % 1e9, writtenBytes: (at * part) % 1e9 },
    network: { receivedBytes: at % 1e9, sentBytes: at % 1e9 },
    temperatureCelsius: 40 + part * 20,
    agent: { residentBytes: 75 * mebibyte, anonymousBytes: 26 * mebibyte },
    controlRefused: 0,
  }
}

function bootOf(nodeName: string, bootId: string): BootReport {
  const step = (name: string, startedMs: number, tookMs: number, note?: string) => {
    const outcome = note === undefined ? ('done' as const) : ('failed' as const)
    return { name, startedMs, tookMs, outcome, ...(note === undefined ? {} : { note }) }
  }
  return {
    version: 1,
    agentVersion: '0.1.0',
    nodeName,
    bootId,
    mode: 'network',
    virtual: false,
    kernelUptimeMs: 2_400,
    totalMs: 900,
    swapBytes: 0,
    zswap: true,
    persist: true,
    steps: [
      step('mounts', 40, 60),
      step('overlay', 110, 240),
      step('swap', 360, 410, 'no answer from the server'),
    ],
    problems: ['swap: no answer from the server'],
    commandLine: 'root=/dev/nfs',
  }
}

const hex = (byte: number) => byte.toString(16).padStart(2, '0')

/** A few at a time; results in order. */
async function inTurn<T, R>(items: readonly T[], act: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  async function work(): Promise<void> {
    while (next < items.length) {
      const index = next
      next += 1
      const item = items[index]
      if (item !== undefined) results[index] = await act(item, index)
    }
  }
  await Promise.all(Array.from({ length: concurrent }, work))
  return results
}
