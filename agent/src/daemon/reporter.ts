import type { BootReport } from '@walt/shared/boot-report'
import { limits } from '@walt/shared/limits'
import { nodeTopics } from '@walt/shared/mqtt-topics'
import type { Inventory, NodeLog, NodeState, Telemetry } from '@walt/shared/payloads'
import type { MqttLink } from './mqtt-link.ts'

export type ReporterOptions = {
  node: string
  identity: Pick<NodeState, 'bootId' | 'userSpace' | 'image' | 'mode'>
  bootReport: BootReport
  nowMs: () => number
  link: () => Pick<MqttLink, 'publish' | 'connected'>
  sample: () => Promise<Telemetry | undefined>
}

/** What the server knows of this node: kept here, and told again whenever the broker is found again. */
export function createReporter(options: ReporterOptions) {
  const topics = nodeTopics(options.node)
  let state: NodeState = { ...options.identity, state: 'booting', since: options.nowMs() }
  let degradedCause: string | undefined
  let inventory: Inventory | undefined
  const untold: NodeLog[] = []
  let sampling = false
  let timer: NodeJS.Timeout | undefined

  function publish(topic: string, payload: unknown): Promise<boolean> {
    return options.link().publish(topic, payload, { qos: 1, retain: true })
  }

  async function tellTelemetry(): Promise<void> {
    if (sampling || !options.link().connected()) return
    sampling = true
    const sample = await options.sample()
    sampling = false
    if (sample) await options.link().publish(topics.telemetry, sample, { qos: 0, retain: false })
  }

  function setState(next: NodeState['state'], cause: string | undefined): Promise<boolean> {
    const said = cause ?? degradedCause
    state = {
      ...options.identity,
      state: next,
      since: options.nowMs(),
      ...(said !== undefined && { cause: said }),
      ...(degradedCause !== undefined && { degraded: true }),
    }
    return publish(topics.state, state)
  }

  /** A node that reboots or goes down has more to say than this. */
  function setDegraded(degraded: boolean, cause: string): void {
    degradedCause = degraded ? cause : undefined
    if (state.state === 'booting' || state.state === 'booted') void setState(state.state, cause)
  }

  function tellLog(): void {
    while (options.link().connected()) {
      const line = untold.shift()
      if (!line) return
      void options.link().publish(topics.log, line, { qos: 0, retain: false })
    }
  }

  return {
    start(): void {
      timer = setInterval(() => void tellTelemetry(), limits.telemetryIntervalMs)
    },
    stop(): void {
      clearInterval(timer)
    },
    setState,
    setDegraded,
    setInventory(found: Inventory): void {
      inventory = found
      void publish(topics.inventory, inventory)
    },
    /** Kept until there is a connection; the oldest go first. */
    log(level: NodeLog['level'], message: string): void {
      untold.push({ at: options.nowMs(), level, message })
      if (untold.length > limits.logLinesKeptMax) untold.shift()
      tellLog()
    },
    /** The broker may have lost what it retained. */
    tellAll(): void {
      void publish(topics.state, state)
      void publish(topics.boot, options.bootReport)
      if (inventory) void publish(topics.inventory, inventory)
      tellLog()
      void tellTelemetry()
    },
    state: () => state,
  }
}
