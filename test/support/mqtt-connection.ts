/**
 * An MQTT 3.1.1 connection that costs next to nothing, so that one process can hold ten thousand: QoS 0 and 1, a last
 * will, clean sessions. What is not needed to play a node is left out. Section numbers are those of the standard.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export type MqttOptions = {
  port: number
  localAddress?: string | undefined
  clientId: string
  user?: string | undefined
  password?: string | undefined
  keepaliveSeconds: number
  will?: { topic: string; payload: string } | undefined
  onMessage?: (topic: string, payload: Buffer) => void
  /** Once, however it came to an end; not when it never began. */
  onClose?: () => void
}

export type MqttConnection = {
  /** Resolves when it is acknowledged (QoS 1), or at once (QoS 0); rejects when the connection is gone before. */
  publish(topic: string, payload: string, how?: { qos?: 0 | 1; retain?: boolean }): Promise<void>
  subscribe(filter: string): Promise<void>
  /** In order: the last will is not sent. */
  end(): Promise<void>
  /** As when the power goes: the will is sent. */
  cut(): void
}

const [connectType, connackType, publishType, pubackType, subscribeType, subackType] = [1, 2, 3, 4, 8, 9]
const pingPacket = Buffer.of(0xc0, 0)
const goodbyePacket = Buffer.of(0xe0, 0)

/** @throws Error when there is no connection, or the broker refuses it */
export async function connectMqtt(options: MqttOptions): Promise<MqttConnection> {
  const { port, localAddress, keepaliveSeconds, onMessage, onClose } = options
  const socket = connect({
    host: '127.0.0.1',
    port,
    ...(localAddress ? { localAddress } : {}),
    noDelay: true,
  })
  const waiting = new Map<number, { resolve: () => void; reject: (reason: Error) => void }>()
  let lastId = 0
  let sentAt = performance.now()
  let isUp = false

  function send(packet: Buffer): void {
    sentAt = performance.now()
    socket.write(packet)
  }
  function acknowledged(make: (id: number) => Buffer): Promise<void> {
    lastId = (lastId % 65_535) + 1
    const id = lastId
    return new Promise((resolve, reject) => {
      if (socket.destroyed) return reject(new Error('the MQTT connection is closed'))
      waiting.set(id, { resolve, reject })
      send(make(id))
    })
  }
  function receive(type: number, flags: number, body: Buffer): void {
    if (type === connackType) settle(0, body[1] === 0 ? undefined : new Error(`refused: code ${body[1]}`))
    if (type === pubackType || type === subackType) {
      const failed = type === subackType && body[2] === 0x80
      settle(body.readUInt16BE(0), failed ? new Error('the subscription was refused') : undefined)
    }
    if (type !== publishType) return
    const topicEnd = 2 + body.readUInt16BE(0)
    const qos = (flags >> 1) & 3
    if (qos > 0) send(packetOf(pubackType, 0, [body.subarray(topicEnd, topicEnd + 2)]))
    onMessage?.(body.toString('utf8', 2, topicEnd), body.subarray(topicEnd + (qos > 0 ? 2 : 0)))
  }
  function settle(id: number, error?: Error): void {
    const one = waiting.get(id)
    waiting.delete(id)
    if (error) one?.reject(error)
    else one?.resolve()
  }

  const established = new Promise<void>((resolve, reject) => waiting.set(0, { resolve, reject }))
  readPackets(socket, receive)
  // What comes after an error is its close, which tells.
  let problem: Error | undefined
  socket.on('error', (error) => {
    problem = error
  })
  socket.on('close', () => {
    clearInterval(beat)
    const reason = problem ?? new Error('the MQTT connection was closed')
    for (const { reject } of waiting.values()) reject(reason)
    waiting.clear()
    if (isUp) onClose?.()
  })
  const beat = setInterval(() => {
    if (performance.now() - sentAt > keepaliveSeconds * 500) send(pingPacket)
  }, keepaliveSeconds * 250)
  socket.once('connect', () => send(connectPacket(options)))
  try {
    await established
    isUp = true
  } catch (thrown) {
    socket.destroy()
    throw thrown
  }

  return {
    async publish(topic, payload, { qos = 0, retain = false } = {}) {
      const flags = (qos << 1) | (retain ? 1 : 0)
      if (qos === 1)
        return acknowledged((id) => packetOf(publishType, flags, [text(topic), word(id), payload]))
      if (!socket.destroyed) send(packetOf(publishType, flags, [text(topic), payload]))
    },
    subscribe: (filter) =>
      acknowledged((id) => packetOf(subscribeType, 2, [word(id), text(filter), Buffer.of(1)])),
    async end() {
      if (socket.destroyed) return
      const closed = once(socket, 'close')
      socket.end(goodbyePacket)
      await closed
    },
    cut: () => void socket.destroy(),
  }
}

function connectPacket({ clientId, user, password, keepaliveSeconds, will }: MqttOptions): Buffer {
  // 3.1.2.3: user name, password, will retained at QoS 1, clean session.
  const flags =
    (user === undefined ? 0 : 0x80) |
    (password === undefined ? 0 : 0x40) |
    (will ? 0x20 | 0x08 | 0x04 : 0) |
    0x02
  const level = 4
  const parts = [text('MQTT'), Buffer.of(level, flags), word(keepaliveSeconds), text(clientId)]
  for (const part of [will?.topic, will?.payload, user, password])
    if (part !== undefined) parts.push(text(part))
  return packetOf(connectType, 0, parts)
}

function packetOf(type: number, flags: number, parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
  const header = [(type << 4) | flags]
  // 2.2.3: seven bits a byte, the least first.
  for (let rest = body.length; ; rest >>= 7) {
    header.push(rest > 127 ? (rest & 127) | 128 : rest)
    if (rest <= 127) break
  }
  return Buffer.concat([Buffer.from(header), body])
}

function word(value: number): Buffer {
  return Buffer.of(value >> 8, value & 255)
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([word(bytes.length), bytes])
}

function readPackets(socket: Socket, onPacket: (type: number, flags: number, body: Buffer) => void): void {
  let received: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    for (;;) {
      const size = sizeOf(received)
      if (size === undefined || received.length < size.header + size.body) return
      const end = size.header + size.body
      const first = received[0] ?? 0
      onPacket(first >> 4, first & 15, received.subarray(size.header, end))
      received = received.subarray(end)
    }
  })
}

/** Undefined as long as the fixed header is not whole. */
function sizeOf(received: Buffer): { header: number; body: number } | undefined {
  let body = 0
  for (let at = 1; at < 5; at++) {
    const byte = received[at]
    if (byte === undefined) return undefined
    body += (byte & 127) * 128 ** (at - 1)
    if (byte < 128) return { header: at + 1, body }
  }
  throw new Error('a malformed MQTT length')
}
