/**
 * The MQTT broker: aedes behind bounds of our own. Every connection has a principal (access.ts) that it proved when it
 * connected; sessions are always clean, so that nothing waits in a queue for a later boot.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { Aedes, type AuthenticateError, type Client } from 'aedes'
import { listenError } from '../listen-error.ts'
import type { Log } from '../log.ts'
import { mayBeRetained, mayPublish, maySubscribe, type Principal } from './access.ts'
import { createPacketLimit, limitedSocket } from './packet-limit.ts'

export type BrokerMessage = { topic: string; payload: Buffer; from: Principal }

export type Broker = {
  publish(topic: string, payload: string): void
  /** Ends a node's connections, but for those of its current boot. */
  disconnect(node: string, currentBootId: string | undefined): void
  isConnected(node: string): boolean
  connections(): number
  /** Connections, publications and subscriptions that were refused since the start. */
  refused(): number
  /** Ends all connections at once, which is no news of the nodes. */
  stop(): Promise<void>
}

type Session = { principal: Principal; hasWill: boolean }

/** @throws WaltError `port-in-use`, `listen-failed` */
export async function createBroker(options: {
  addresses: readonly string[]
  port: number
  authenticate: (user: string, password: string) => Principal | undefined
  onMessage: (message: BrokerMessage) => void
  /** The last connection of a node is gone. */
  onNodeGone: (node: Extract<Principal, { kind: 'node' }>) => void
  now: () => number
  log: Log
}): Promise<Broker> {
  const { authenticate, onMessage, onNodeGone, now, log } = options
  const connected = createConnections()
  /** Also of a client that has just disconnected: its last publication is still on its way. */
  const sessions = new WeakMap<Client, Session>()
  const sockets = new Set<Socket>()
  const wills = new WeakSet<Client>()
  let refused = 0
  let anonymous = 0
  let stopping = false
  const warn = boundedWarnings(log, now)

  function refuse(what: string): void {
    refused += 1
    warn(`MQTT: refused ${what}`)
  }

  const aedes = await Aedes.createBroker({
    drainTimeout: limits.brokerDrainMs,
    connectTimeout: limits.mqttConnectMs,
    keepaliveLimit: limits.brokerKeepaliveMaxSeconds,
    maxInflightInbound: limits.brokerInflightMax,
    maxTopicLevels: 8,
    preConnect(client, packet, done) {
      if (packet.protocolVersion !== 4) return done(new Error('only MQTT 3.1.1 is spoken here'), false)
      // The user's name in front: a client id can only ever take over a session of the same user.
      // An empty id asks for one that is its own (MQTT 3.1.1, 3.1.3.1): mosquitto_pub beside mosquitto_sub.
      anonymous += packet.clientId === '' ? 1 : 0
      packet.clientId = `${packet.username ?? ''}/${packet.clientId || `#${anonymous}`}`
      packet.clean = true
      if (packet.will) wills.add(client)
      done(null, true)
    },
    authenticate(client, user, password, done) {
      const principal = authenticate(user ?? '', password?.toString('utf8') ?? '')
      if (!principal) {
        refuse(`the connection of "${printable(user ?? '')}": wrong name or password, or a boot that is over`)
        return done(Object.assign(new Error('not authorized'), { returnCode: 4 }) as AuthenticateError, false)
      }
      sessions.set(client, { principal, hasWill: wills.has(client) })
      done(null, true)
    },
    authorizePublish(client, packet, done) {
      const session = client && sessions.get(client)
      if (!client || !session) return done(new Error('not connected'))
      const { principal } = session
      if (!mayPublish(principal, packet.topic, packet.retain)) {
        refuse(
          `${nameOf(principal)} to publish to ${printable(packet.topic)}${packet.retain ? ', retained' : ''}`,
        )
        return done(new Error('not authorized'))
      }
      // A last will comes when its connection is closed. It is void if the node has another one: of a connection that
      // was cut, the broker learns long after the node has connected anew.
      if (client.closed && hasOther(client, session)) return done(new Error('the node is connected'))
      done(null)
    },
    authorizeSubscribe(client, subscription, done) {
      const principal = sessions.get(client)?.principal
      if (principal && maySubscribe(principal, subscription.topic)) return done(null, subscription)
      refuse(`${principal ? nameOf(principal) : 'somebody'} to read ${printable(subscription.topic)}`)
      done(null, null)
    },
  })

  skipUselessLooks(aedes)

  function hasOther(client: Client, { principal }: Session): boolean {
    for (const [other, session] of connected.of(nameOf(principal))) {
      if (other !== client && !other.closed && session.hasWill) return true
    }
    return false
  }

  aedes.on('publish', ({ topic, payload }, client) => {
    const session = client && sessions.get(client)
    if (session && !stopping) onMessage({ topic, payload: Buffer.from(payload), from: session.principal })
  })
  aedes.on('client', (client) => {
    const session = sessions.get(client)
    if (session) connected.add(client, session)
  })
  aedes.on('clientDisconnect', (client) => {
    const session = sessions.get(client)
    if (session) connected.delete(client, session)
    if (stopping || session?.principal.kind !== 'node' || hasOther(client, session)) return
    onNodeGone(session.principal)
  })
  aedes.on('clientError', (client, error: NodeJS.ErrnoException) => {
    // A machine that was killed, a cable that was pulled: the state of the node tells.
    if (error.code === 'ECONNRESET' || error.code === 'ECONNABORTED' || error.code === 'EPIPE') return
    warn(`MQTT: ${printable(client.id)}: ${printable(error.message)}`)
  })
  aedes.on('connectionError', (_client, error) => warn(`MQTT: ${printable(error.message)}`))

  function accept(socket: Socket): void {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.setNoDelay(true)
    socket.setKeepAlive(true, limits.mqttKeepaliveSeconds * 1000)
    const bounds = { maxBytes: limits.brokerPacketMaxBytes, maxPerSecond: limits.brokerPacketsPerSecondMax }
    const stream = limitedSocket(socket, createPacketLimit(bounds, now))
    stream.on('error', (error) => {
      if (error instanceof WaltError) refuse(`a connection from ${socket.remoteAddress}: ${error.message}`)
    })
    aedes.handle(stream)
  }

  const servers: Server[] = []
  async function stop(): Promise<void> {
    stopping = true
    const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)))
    for (const socket of sockets) socket.destroy()
    await Promise.all(closed)
    await new Promise<void>((resolve) => aedes.close(resolve))
  }

  try {
    for (const address of options.addresses) servers.push(await listen(accept, address, options.port))
  } catch (thrown) {
    await stop()
    throw thrown
  }
  return {
    publish(topic, payload) {
      const packet = { cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false } as const
      aedes.publish(packet, (error) => {
        if (error) warn(`MQTT: ${topic} was not published: ${reasonOf(error)}`)
      })
    },
    disconnect(node, currentBootId) {
      for (const [client, { principal }] of [...connected.of(node)]) {
        if (principal.kind === 'node' && principal.bootId !== currentBootId) client.close()
      }
    },
    isConnected: (node) => connected.of(node).size > 0,
    connections: connected.count,
    refused: () => refused,
    stop,
  }
}

/** By the name of who it is: some of what is asked for one node is asked for all nodes at once. */
function createConnections() {
  const byName = new Map<string, Map<Client, Session>>()
  const none: ReadonlyMap<Client, Session> = new Map()
  let count = 0
  return {
    of: (name: string): ReadonlyMap<Client, Session> => byName.get(name) ?? none,
    count: () => count,
    add(client: Client, session: Session): void {
      const name = nameOf(session.principal)
      const its = byName.get(name) ?? new Map<Client, Session>()
      byName.set(name, its)
      if (!its.has(client)) count += 1
      its.set(client, session)
    },
    delete(client: Client, { principal }: Session): void {
      const name = nameOf(principal)
      const its = byName.get(name)
      if (!its?.delete(client)) return
      count -= 1
      if (its.size === 0) byName.delete(name)
    },
  }
}

/** For each subscription aedes tries its filter on every retained message, which a fleet that connects would wait for. */
function skipUselessLooks(aedes: Aedes): void {
  const { persistence } = aedes as unknown as {
    persistence: { createRetainedStreamCombi(filters: readonly string[]): NodeJS.ReadableStream }
  }
  const retained = persistence.createRetainedStreamCombi.bind(persistence)
  persistence.createRetainedStreamCombi = (filters) => retained(filters.filter(mayBeRetained))
}

function listen(accept: (socket: Socket) => void, address: string, port: number): Promise<Server> {
  const server = createServer(accept)
  server.maxConnections = limits.brokerConnectionsMax
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(listenError('MQTT broker', 'broker.port', address, port, cause)))
    server.listen({ port, host: address, backlog: limits.listenBacklogMax }, () => resolve(server))
  })
}

/** What strangers send may neither fill the log nor steer a terminal. */
function boundedWarnings(log: Log, now: () => number): (message: string) => void {
  let minute = 0
  let count = 0
  return (message) => {
    const current = Math.floor(now() / 60_000)
    if (current !== minute) {
      if (count > limits.brokerWarningsPerMinuteMax) {
        log.warn(`MQTT: ${count - limits.brokerWarningsPerMinuteMax} more warnings in that minute`)
      }
      minute = current
      count = 0
    }
    count += 1
    if (count <= limits.brokerWarningsPerMinuteMax) log.warn(message)
  }
}

function nameOf(principal: Principal): string {
  return principal.kind === 'node' ? principal.name : 'the operator'
}

function printable(text: string): string {
  return text.slice(0, 200).replace(/[^\x20-\x7e]/g, '?')
}
