/** A physical node as its server sees it: it begins a boot by HTTP, and speaks by a real MQTT connection. */
import { nodeTopics } from '@walt/shared/mqtt-topics'
import type { Telemetry } from '@walt/shared/payloads'
import mqtt, { type MqttClient } from 'mqtt'
import type { LoopbackServer } from './loopback-server.ts'

export type PlayedNode = {
  name: string
  bootId: string
  client: MqttClient
  say(kind: 'state' | 'boot' | 'telemetry' | 'log' | 'lines', payload: object): Promise<unknown>
  /** Telemetry of a node of 512 MB, with changes. */
  tell(changes?: Partial<Telemetry>): Promise<unknown>
  booted(): Promise<unknown>
}

/** Creates the node, and begins a boot of it. The first node has the number 1. */
export async function playNode(server: LoopbackServer, name: string, number: number): Promise<PlayedNode> {
  await server.createNode(name, number)
  return bootPlayedNode(server, name, number)
}

export async function bootPlayedNode(
  server: LoopbackServer,
  name: string,
  number: number,
): Promise<PlayedNode> {
  const path = `/boot/02:00:00:00:00:0${number}/parameters`
  const answer = await server.tcp('GET', path, `127.0.0.${9 + number}`)
  const { kernelArguments, bootId } = answer.json<{ kernelArguments: string; bootId: string }>()
  const password = /walt\.token=(\S+)/.exec(kernelArguments)?.[1] ?? ''
  const client = await mqtt.connectAsync({
    ...{ host: '127.0.0.1', port: server.config.broker.port, username: name, password },
    ...{ reconnectPeriod: 0, keepalive: 15 },
  })
  const topics = nodeTopics(name)
  const say: PlayedNode['say'] = (kind, payload) =>
    client.publishAsync(topics[kind], JSON.stringify(payload), { qos: 1 })
  const began = Date.now()
  return {
    ...{ name, bootId, client, say },
    booted: () => say('state', { state: 'booted', bootId, since: Date.now(), mode: 'network' }),
    tell(changes = {}) {
      const mebi = 1024 ** 2
      const telemetry: Telemetry = {
        ...{
          bootId,
          at: Date.now(),
          uptimeSeconds: 100 + (Date.now() - began) / 1000,
          load: [0.5, 0.4, 0.3],
        },
        memory: { totalBytes: 500 * mebi, availableBytes: 200 * mebi, cachedBytes: 0, shmemBytes: 0 },
        swap: { totalBytes: 1024 * mebi, usedBytes: 10 * mebi },
        overlay: { totalBytes: 100 * mebi, usedBytes: 10 * mebi, inodes: 1000, inodesUsed: 10 },
        nbd: { readBytes: 0, writtenBytes: 4096 },
        network: { receivedBytes: 1000, sentBytes: 2000 },
        agent: { residentBytes: 45 * mebi, anonymousBytes: 9 * mebi },
        controlRefused: 0,
        ...changes,
      }
      return say('telemetry', telemetry)
    },
  }
}
