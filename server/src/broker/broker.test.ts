import { once } from 'node:events'
import { connect as connectTcp, createServer } from 'node:net'
import { connectAsync, type MqttClient } from 'mqtt'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Principal } from './access.ts'
import { type Broker, type BrokerMessage, createBroker } from './broker.ts'

const tokens: Record<string, Principal> = {
  'vnode1:token1': { kind: 'node', name: 'vnode1', bootId: '1'.repeat(16) },
  'vnode2:token2': { kind: 'node', name: 'vnode2', bootId: '2'.repeat(16) },
  'operator:secret': { kind: 'operator' },
}
const quiet = { info: () => {}, warn: () => {}, error: () => {} }

let broker: Broker
let port = 0
let messages: BrokerMessage[] = []
let gone: string[] = []
let clients: MqttClient[] = []
let notify = () => {}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Resolves when the condition holds after some event of the broker. */
function until(condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    notify = () => {
      if (condition()) resolve()
    }
    notify()
  })
}

function closeOf(connected: MqttClient): Promise<void> {
  return new Promise((resolve) => connected.once('close', () => resolve()))
}

async function client(user: string, password: string, will?: { topic: string; payload: string }) {
  const connected = await connectAsync({
    host: '127.0.0.1',
    port,
    username: user,
    password,
    reconnectPeriod: 0,
    ...(will ? { will: { ...will, payload: Buffer.from(will.payload) } } : {}),
  })
  clients.push(connected)
  return connected
}

beforeEach(async () => {
  messages = []
  gone = []
  clients = []
  port = await freePort()
  broker = await createBroker({
    addresses: ['127.0.0.1'],
    port,
    authenticate: (user, password) => tokens[`${user}:${password}`],
    onMessage: (message) => {
      messages.push(message)
      notify()
    },
    onNodeGone: ({ name }) => {
      gone.push(name)
      notify()
    },
    now: Date.now,
    log: quiet,
  })
})

afterEach(async () => {
  for (const one of clients) one.end(true)
  await broker.stop()
})

describe('the broker', () => {
  test('knows who is connected; that it ends connections itself is no news of the nodes', async () => {
    const node = await client('vnode1', 'token1', { topic: 'walt/v1/nodes/vnode1/state', payload: '{}' })
    expect(broker.isConnected('vnode1')).toBe(true)
    expect(broker.isConnected('vnode2')).toBe(false)
    const closed = closeOf(node)
    await broker.stop()
    await closed
    expect(broker.isConnected('vnode1')).toBe(false)
    expect({ gone, messages }).toEqual({ gone: [], messages: [] })
  })

  test('refuses a wrong token, an unknown name, and no name at all', async () => {
    await expect(client('vnode1', 'token2')).rejects.toThrow(/password/i)
    await expect(client('vnode9', 'token1')).rejects.toThrow(/password/i)
    await expect(connectAsync({ host: '127.0.0.1', port, reconnectPeriod: 0 })).rejects.toThrow(/password/i)
    expect(broker.refused()).toBe(3)
  })

  test('passes on what a node says of itself, with who said it', async () => {
    const node = await client('vnode1', 'token1')
    await node.publishAsync('walt/v1/nodes/vnode1/state', '{}', { qos: 1, retain: true })
    await until(() => messages.length === 1)
    expect(messages[0]).toMatchObject({
      topic: 'walt/v1/nodes/vnode1/state',
      from: { kind: 'node', name: 'vnode1', bootId: '1'.repeat(16) },
    })
  })

  test('ends the connection of a node that publishes for another one, or to an odd topic', async () => {
    for (const topic of [
      'walt/v1/nodes/vnode2/state',
      'walt/v1/nodes/vnode1/command/x',
      'walt/v1/sets/all-nodes/reboot',
    ]) {
      const node = await client('vnode1', 'token1')
      const closed = closeOf(node)
      node.publish(topic, '{}', { qos: 0 })
      await closed
    }
    expect(messages).toEqual([])
  })

  test('lets a node read its own commands only', async () => {
    const node = await client('vnode1', 'token1')
    expect((await node.subscribeAsync('walt/v1/nodes/vnode1/command/+'))[0]?.qos).toBe(0)
    for (const filter of ['#', 'walt/v1/nodes/+/command/+', 'walt/v1/nodes/vnode2/command/+', '$SYS/#']) {
      const granted = await node.subscribeAsync(filter).catch((error) => error)
      expect(granted).toBeInstanceOf(Error)
    }
    const received = new Promise((resolve) => node.once('message', resolve))
    const operator = await client('operator', 'secret')
    await operator.publishAsync('walt/v1/nodes/vnode1/command/7', '{"command":"ping"}')
    expect(await received).toBe('walt/v1/nodes/vnode1/command/7')
  })

  test('ends the connection of an operator who would leave a command behind for later boots', async () => {
    const operator = await client('operator', 'secret')
    const closed = closeOf(operator)
    operator.publish('walt/v1/nodes/vnode1/command/1', '{}', { retain: true })
    await closed
    expect(messages).toEqual([])
  })

  test('publishes the last will of a node whose connection breaks', async () => {
    const node = await client('vnode1', 'token1', {
      topic: 'walt/v1/nodes/vnode1/state',
      payload: '{"state":"down"}',
    })
    node.stream.destroy()
    await until(() => messages.length === 1 && gone.length === 1)
    expect(messages[0]?.payload.toString()).toBe('{"state":"down"}')
  })

  test('keeps the last will back if the node has connected anew in the meantime', async () => {
    const will = { topic: 'walt/v1/nodes/vnode1/state', payload: '{"state":"down"}' }
    const old = await client('vnode1', 'token1', will)
    const renewed = await client('vnode1', 'token1', will)
    old.stream.destroy()
    await expect.poll(() => broker.connections()).toBe(1)
    await renewed.publishAsync('walt/v1/nodes/vnode1/log', 'here', { qos: 1 })
    await until(() => messages.length > 0)
    expect(messages.map((message) => message.payload.toString())).toEqual(['here'])
    expect(gone).toEqual([])
  })

  test('lets no last will speak for another node', async () => {
    const node = await client('vnode1', 'token1', { topic: 'walt/v1/nodes/vnode2/state', payload: 'down' })
    node.stream.destroy()
    await until(() => gone.length === 1)
    expect(messages).toEqual([])
  })

  test('keeps equal client ids of two nodes apart', async () => {
    const options = { host: '127.0.0.1', port, clientId: 'agent', reconnectPeriod: 0 }
    const first = await connectAsync({ ...options, username: 'vnode1', password: 'token1' })
    const second = await connectAsync({ ...options, username: 'vnode2', password: 'token2' })
    clients.push(first, second)
    await first.publishAsync('walt/v1/nodes/vnode1/log', 'still here', { qos: 1 })
    expect(broker.connections()).toBe(2)
  })

  test('takes two clients that give no client id for two', async () => {
    const options = { host: '127.0.0.1', port, clientId: '', reconnectPeriod: 0 }
    const login = { username: 'operator', password: 'secret' }
    const first = await connectAsync({ ...options, ...login })
    const second = await connectAsync({ ...options, ...login })
    clients.push(first, second)
    await first.publishAsync('walt/v1/nodes/vnode1/command/1', '{}', { qos: 1 })
    expect(broker.connections()).toBe(2)
  })

  test('ends a connection that announces a packet over the limit, before it is sent', async () => {
    const socket = connectTcp(port, '127.0.0.1')
    await once(socket, 'connect')
    // CONNECT of 200 MB.
    socket.write(Uint8Array.of(0x10, 0x80, 0x84, 0xaf, 0x5f))
    await once(socket, 'close')
    expect(broker.refused()).toBe(1)
  })

  test('survives garbage', async () => {
    const socket = connectTcp(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.end('GET / HTTP/1.1\r\n\r\n')
    await once(socket, 'close')
    await client('vnode1', 'token1')
  })

  test('says which port is in use', async () => {
    const second = createBroker({
      addresses: ['127.0.0.1'],
      port,
      authenticate: () => undefined,
      onMessage: () => {},
      onNodeGone: () => {},
      now: Date.now,
      log: quiet,
    })
    await expect(second).rejects.toMatchObject({ code: 'port-in-use' })
  })
})
