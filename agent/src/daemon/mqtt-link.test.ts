import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { nodeTopics } from '@walt/shared/mqtt-topics'
import { Aedes, type AedesPublishPacket } from 'aedes'
import { afterEach, describe, expect, it } from 'vitest'
import { createMqttLink, type MqttLink, type MqttLinkOptions } from './mqtt-link.ts'

const topics = nodeTopics('vnode1')
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

type Broker = {
  port: number
  published: { topic: string; payload: string; retain: boolean }[]
  command: (topic: string, payload: string) => void
  close: () => Promise<void>
  dropAll: () => void
}

async function startBroker(port = 0): Promise<Broker> {
  const aedes = await Aedes.createBroker()
  aedes.authenticate = (_client, user, password, done) =>
    done(null, user === 'vnode1' && password?.toString() === 'secret')
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    aedes.handle(socket)
  })
  const published: Broker['published'] = []
  aedes.on('publish', (packet: AedesPublishPacket) => {
    if (packet.topic.startsWith('$SYS')) return
    published.push({ topic: packet.topic, payload: packet.payload.toString(), retain: packet.retain })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  let closed: Promise<void> | undefined
  const broker: Broker = {
    port: (server.address() as AddressInfo).port,
    published,
    command: (topic, payload) =>
      aedes.publish(
        { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 1, retain: false, dup: false },
        () => {},
      ),
    dropAll() {
      for (const socket of sockets) socket.destroy()
    },
    close() {
      closed ??= new Promise((resolve) => {
        // Before anything else, or a link comes back.
        server.close(() => aedes.close(() => resolve()))
        for (const socket of sockets) socket.destroy()
      })
      return closed
    },
  }
  cleanups.push(broker.close)
  return broker
}

function startLink(port: number, given: Partial<MqttLinkOptions> = {}) {
  const messages: string[] = []
  const log: string[] = []
  let connections = 0
  const link: MqttLink = createMqttLink({
    host: '127.0.0.1',
    port,
    user: 'vnode1',
    password: 'secret',
    clientId: 'vnode1-00000000000000aa',
    will: { topic: topics.state, payload: { state: 'down' } },
    subscribeTo: topics.commands,
    onConnected() {
      connections += 1
    },
    onMessage: (topic, payload) => messages.push(`${topic} ${Buffer.from(payload).toString()}`),
    log: (message) => log.push(message),
    random: () => 0,
    ...given,
  })
  link.start()
  cleanups.push(link.stop)
  return { link, messages, log, connections: () => connections }
}

describe('MQTT link', () => {
  it('publishes and knows that the broker has it; receives commands', async () => {
    const broker = await startBroker()
    const { link, messages } = startLink(broker.port)
    await expect.poll(link.connected).toBe(true)
    expect(await link.publish(topics.state, { state: 'booting' }, { qos: 1, retain: true })).toBe(true)
    await expect
      .poll(() => broker.published)
      .toContainEqual({ topic: topics.state, payload: '{"state":"booting"}', retain: true })
    broker.command(topics.command('1'), '{}')
    await expect.poll(() => messages).toEqual([`${topics.command('1')} {}`])
  })

  it('leaves its last will when the connection is lost, and comes back', async () => {
    const broker = await startBroker()
    const { link, connections } = startLink(broker.port)
    await expect.poll(connections).toBe(1)
    broker.dropAll()
    await expect
      .poll(() => broker.published)
      .toContainEqual({ topic: topics.state, payload: '{"state":"down"}', retain: true })
    await expect.poll(connections).toBe(2)
    expect(await link.publish(topics.telemetry, {}, { qos: 0, retain: false })).toBe(true)
  })

  it('leaves no last will when it is stopped', async () => {
    const broker = await startBroker()
    const { link } = startLink(broker.port)
    await expect.poll(link.connected).toBe(true)
    await link.publish(topics.state, { state: 'rebooting' }, { qos: 1, retain: true })
    await link.stop()
    await broker.close()
    await expect.poll(() => broker.published.map(({ payload }) => payload)).toEqual(['{"state":"rebooting"}'])
  })

  it('queues nothing without a broker, finds it when it comes, and logs one line of it', async () => {
    const broker = await startBroker()
    await broker.close()
    const { link, log, connections } = startLink(broker.port)
    for (let index = 0; index < 1_000; index += 1) {
      expect(await link.publish(topics.telemetry, { index }, { qos: 1, retain: false })).toBe(false)
    }
    await expect.poll(() => log.length).toBeGreaterThan(0)
    const again = await startBroker(broker.port)
    await expect.poll(connections).toBe(1)
    expect(again.published).toEqual([])
    expect(log.length).toBeLessThan(6)
  })

  it('keeps trying when its password is refused', async () => {
    const broker = await startBroker()
    const { link, log } = startLink(broker.port, { password: 'of an older boot' })
    await expect.poll(() => log.join('\n')).toContain('Not authorized')
    expect(link.connected()).toBe(false)
  })

  it('does not hang on a broker that accepts and says nothing', async () => {
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => silent.close())
    const { link } = startLink((silent.address() as AddressInfo).port)
    expect(await link.publish(topics.state, {}, { qos: 1, retain: true })).toBe(false)
    await link.stop()
  })
})
