import { connect } from 'node:net'
import { createBackoff } from '@walt/shared/backoff'
import { limits } from '@walt/shared/limits'
// Not its `connect`, which would load TLS, WebSockets and SOCKS: some megabytes.
import { MqttClient } from 'mqtt'

export type MqttLinkOptions = {
  host: string
  port: number
  user: string
  password: string
  clientId: string
  will: { topic: string; payload: unknown }
  subscribeTo: string
  onConnected: () => void
  onMessage: (topic: string, payload: Uint8Array) => void
  log: (message: string) => void
  random: () => number
  connect?: typeof connect
}

export type MqttLink = {
  start: () => void
  connected: () => boolean
  /** True when the broker has it (QoS 1); false at once without a connection: nothing is queued in memory. */
  publish: (topic: string, payload: unknown, options: { qos: 0 | 1; retain: boolean }) => Promise<boolean>
  /** Ends the connection in order, so that the last will is not sent. Resolves soon in any case. */
  stop: () => Promise<void>
}

/**
 * The connection to the broker (MQTT 3.1.1). It is lost and found again without anyone else noticing: what has to be
 * known afterwards is published anew in `onConnected`.
 */
export function createMqttLink(options: MqttLinkOptions): MqttLink {
  const backoff = createBackoff({
    minMs: limits.mqttReconnectMinMs,
    maxMs: limits.mqttReconnectMaxMs,
    random: options.random,
  })
  let inFlight = 0
  let problem = ''
  let stopped = false

  const client = new MqttClient(
    () => {
      // The client waits this long after the attempt that begins here, should it fail.
      client.options.reconnectPeriod = backoff.nextMs()
      return (options.connect ?? connect)({ host: options.host, port: options.port, noDelay: true })
    },
    {
      manualConnect: true,
      protocolVersion: 4,
      // Its cache of all 65536 two-byte numbers as buffers takes 7 MB.
      writeCache: false,
      clean: true,
      clientId: options.clientId,
      username: options.user,
      password: options.password,
      keepalive: limits.mqttKeepaliveSeconds,
      connectTimeout: limits.mqttConnectMs,
      reconnectPeriod: limits.mqttReconnectMinMs,
      reconnectOnConnackError: true,
      queueQoSZero: false,
      resubscribe: false,
      will: { topic: options.will.topic, payload: encode(options.will.payload), qos: 1, retain: true },
    },
  )

  /** A broker that is away for an hour is one line in the log, not hundreds. */
  function report(message: string): void {
    if (message === problem || stopped) return
    problem = message
    options.log(`MQTT broker ${options.host}:${options.port}: ${message}`)
  }

  client.on('connect', () => {
    backoff.reset()
    report('connected')
    client.subscribe(options.subscribeTo, { qos: 1 }, (error) => {
      if (error) report(`no commands can be received: ${error.message}`)
    })
    options.onConnected()
  })
  client.on('error', (error) => report(error.message))
  client.on('close', () => report('not connected'))
  client.on('message', options.onMessage)

  function publish(topic: string, payload: unknown, how: { qos: 0 | 1; retain: boolean }): Promise<boolean> {
    if (!client.connected || inFlight >= limits.mqttPublishesInFlightMax) return Promise.resolve(false)
    inFlight += 1
    return new Promise((resolve) => {
      client.publish(topic, encode(payload), how, (error) => {
        inFlight -= 1
        resolve(!error)
      })
    })
  }

  return {
    start: () => void client.connect(),
    connected: () => client.connected,
    publish,
    stop() {
      stopped = true
      return new Promise((resolve) => {
        // The client waits for acknowledgements, which come no more when the connection is lost now.
        const timer = setTimeout(resolve, limits.mqttGoodbyeMs)
        client.end(!client.connected, () => {
          clearTimeout(timer)
          resolve()
        })
      })
    },
  }
}

function encode(payload: unknown): Buffer {
  return Buffer.from(JSON.stringify(payload))
}
