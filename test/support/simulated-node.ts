/**
 * Nodes that are clients only: each begins its boot by HTTP and speaks MQTT as an agent does, from an address of its own
 * (all of 127.0.0.0/8 is there).
 */
import http from 'node:http'
import type { BootReport } from '@walt/shared/boot-report'
import { limits } from '@walt/shared/limits'
import { nodeTopics } from '@walt/shared/mqtt-topics'
import type { NodeState, Telemetry } from '@walt/shared/payloads'
import { connectMqtt } from './mqtt-connection.ts'

/** Where the server is, on loopback. */
export type ServerPorts = { http: number; broker: number }

export type NodeIdentity = { name: string; mac: string; address: string }

/** What a boot was given. */
export type SimulatedBoot = { bootId: string; token: string }

export type SimulatedNode = NodeIdentity & {
  bootId: string
  become(state: NodeState['state'], cause?: string): Promise<void>
  say(kind: 'boot' | 'telemetry' | 'log' | 'lines' | 'state', payload: object): Promise<void>
  /** Telemetry of a quiet node, with changes; QoS 0, which is what agents use, resolves before it has arrived. */
  tell(changes?: Partial<Telemetry>, qos?: 0 | 1): Promise<void>
  /** What its boot stage did. */
  tellBoot(): Promise<void>
  answer(commandId: string, reply: object): Promise<void>
  /** As when its power goes. */
  lose(): void
  /** In order, without its last will. */
  leave(): Promise<void>
}

export const macOf = (number: number): string =>
  `02:00:00:${[16, 8, 0].map((shift) => ((number >> shift) & 255).toString(16).padStart(2, '0')).join(':')}`

/** @throws Error when the server does not give one */
export function beginBoot(ports: ServerPorts, { mac, address }: NodeIdentity): Promise<SimulatedBoot> {
  return new Promise((resolve, reject) => {
    const path = `/boot/${mac}/parameters`
    const where = { host: '127.0.0.1', port: ports.http, localAddress: address, path, agent: false }
    const request = http.get(where, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk) => chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        if (answer.statusCode !== 200) return reject(new Error(`${path}: ${answer.statusCode} ${body}`))
        const { kernelArguments, bootId } = JSON.parse(body) as { kernelArguments: string; bootId: string }
        resolve({ bootId, token: /walt\.token=(\S+)/.exec(kernelArguments)?.[1] ?? '' })
      })
    })
    request.on('error', reject)
  })
}

/** Connects it; it has said nothing yet. */
export async function connectNode(
  ports: ServerPorts,
  identity: NodeIdentity,
  { bootId, token }: SimulatedBoot,
  hear: { onCommand?: (id: string, payload: Buffer) => void; onClose?: () => void } = {},
): Promise<SimulatedNode> {
  const { name, address } = identity
  const topics = nodeTopics(name)
  const stateOf = (state: NodeState['state'], cause?: string) =>
    JSON.stringify({ state, bootId, since: Date.now(), mode: 'network', ...(cause ? { cause } : {}) })
  const connection = await connectMqtt({
    port: ports.broker,
    localAddress: address,
    clientId: `${name}-${bootId}`,
    user: name,
    password: token,
    keepaliveSeconds: limits.mqttKeepaliveSeconds,
    will: { topic: topics.state, payload: stateOf('down') },
    onMessage: (topic, payload) => hear.onCommand?.(topic.slice(topic.lastIndexOf('/') + 1), payload),
    ...(hear.onClose ? { onClose: hear.onClose } : {}),
  })
  if (hear.onCommand) await connection.subscribe(topics.commands)
  const began = Date.now()
  const say: SimulatedNode['say'] = (kind, payload) =>
    connection.publish(topics[kind], JSON.stringify(payload), { qos: 1, retain: kind === 'boot' })
  return {
    ...identity,
    bootId,
    say,
    become: (state, cause) =>
      connection.publish(topics.state, stateOf(state, cause), { qos: 1, retain: true }),
    tell(changes = {}, qos = 1) {
      const at = Date.now()
      const uptimeSeconds = 100 + (at - began) / 1000
      const telemetry = { ...quiet, at, bootId, uptimeSeconds, ...changes }
      return connection.publish(topics.telemetry, JSON.stringify(telemetry), { qos })
    },
    tellBoot: () => say('boot', bootOf(name, bootId)),
    answer: (id, reply) => connection.publish(topics.reply(id), JSON.stringify(reply), { qos: 1 }),
    lose: connection.cut,
    leave: connection.end,
  }
}

export async function bootNode(ports: ServerPorts, identity: NodeIdentity): Promise<SimulatedNode> {
  return connectNode(ports, identity, await beginBoot(ports, identity))
}

const mebibyte = 1024 ** 2

const quiet: Omit<Telemetry, 'at'> = {
  uptimeSeconds: 100,
  load: [0.5, 0.4, 0.3],
  memory: { totalBytes: 500 * mebibyte, availableBytes: 200 * mebibyte, cachedBytes: 0, shmemBytes: 0 },
  swap: { totalBytes: 1024 * mebibyte, usedBytes: 10 * mebibyte },
  overlay: { totalBytes: 100 * mebibyte, usedBytes: 10 * mebibyte, inodes: 1000, inodesUsed: 10 },
  nbd: { readBytes: 0, writtenBytes: 4096 },
  network: { receivedBytes: 1000, sentBytes: 2000 },
  agent: { residentBytes: 45 * mebibyte, anonymousBytes: 9 * mebibyte },
  controlRefused: 0,
}

/** What a node of 512 MB might say; `part`, from 0 to 1, is how busy it is. */
export function telemetryOf(part: number, at: number): Telemetry {
  return {
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

export function bootOf(nodeName: string, bootId: string): BootReport {
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
