/**
 * One node, its server and what is between them, played step by step from a seed; and what an oracle, who sees the node
 * itself, says of the server's opinion of it. The server's decisions are the real ones (node-status, past-run, boot-watch);
 * the rules of the broker are those of broker/broker.ts and broker/receive-message.ts.
 *
 * TCP and MQTT keep the order within a connection. Everything else may happen: messages are delayed for any time, come
 * twice (QoS 1), after those of a later connection, or never; a connection is cut long before the broker learns of it;
 * the answer to a request comes after what followed from it; the server is killed, and has forgotten its last writes;
 * clocks jump by hours.
 */
import { limits } from '@walt/shared/limits'
import type { NodeState } from '@walt/shared/payloads'
import { createWatchStart, decideOnBoot } from './boot-watch.ts'
import type { FleetNode } from './fleet.ts'
import { kexecCause, type NodeEvent, type NodeStatus, newNodeStatus, nextStatus } from './node-status.ts'
import { missedBoot, silentSince } from './past-run.ts'

type Message = { report: NodeState } | { acknowledged: Extract<NodeEvent, { type: 'reboot-requested' }> }
type Connection = {
  bootId: string
  will: NodeState
  /** Still to come to the server, oldest first. */
  sent: Message[]
  /** What came last, which may come once more. */
  received: Message[]
  nodeHasIt: boolean
  brokerHasIt: boolean
}

const timeoutMs = 180_000
const hourMs = 3_600_000
/** Slower than in the server, which finds nothing else in between. */
const lookMs = 15_000

/** What the server was wrong in; undefined when it never was, and was right in the end. `tellStory` hears what happens. */
export function simulateHistory(
  random: () => number,
  steps: number,
  tellStory: (line: () => string) => void,
): string | undefined {
  const chance = (part: number) => random() < part
  const upTo = (most: number) => Math.floor(random() * most)
  let wrong: string | undefined
  /** True time; what the server's clock is off by. */
  let time = hourMs
  let offset = 0
  const now = () => time + offset

  // The node.
  let boots = 0
  let power = false
  let bootId = ''
  let userSpace = 0
  let phase = 'kernel' as 'kernel' | 'booting' | 'booted' | 'rebooting'
  let degraded = false
  let link: Connection | undefined
  const saidBooted = new Set<string>()

  // The server. `stored` trails behind `status`.
  const record = {
    ...{ name: 'n', mac: '', model: 'm', virtual: false, address: '', image: 'i', createdAt: 0 },
    settings: { 'boot.timeout': `${timeoutMs / 1000}` },
  }
  let up = true
  let status: NodeStatus = newNodeStatus(now())
  let ticket = ''
  let written: NodeStatus[] = [status]
  let stateSince = time
  let startedAt = time
  let watch = createWatchStart(now(), time)
  const connections: Connection[] = []
  /** Answers that the server waits for. */
  const late: (() => void)[] = []

  function hear(event: NodeEvent): void {
    const next = nextStatus(status, event, now())
    if (next === status) return
    const begins = next.state === 'booted' && status.state !== 'booted'
    if (next.since !== status.since || next.state !== status.state || next.heardAt !== status.heardAt) {
      stateSince = time
    }
    status = next
    if (begins) forgetOldBoots()
    written = [...written.slice(-3), next]
    tellStory(() => `${time} server: ${event.type} -> ${next.state} ${next.bootId} ${next.cause ?? ''}`)
    if (next.state === 'booted' && !saidBooted.has(`${next.bootId} ${next.userSpace ?? 0}`)) {
      wrong = `${next.bootId} is taken for booted, which it never said`
    }
    if (next.bootId !== undefined && next.bootId !== ticket) wrong = `${next.bootId} is not the newest boot`
    if (next.degraded && next.state !== 'booted') wrong = `${next.state} and degraded`
  }

  const fleetNode = (): FleetNode => ({ record, status })
  /** As server.ts does when a boot is there: nothing of an older one can be alive. */
  const forgetOldBoots = () => close((one) => one.bootId !== ticket)
  /** What is still to come by them never does, and their wills are void. */
  function close(which: (one: Connection) => boolean): void {
    for (const one of connections.filter(which)) {
      one.brokerHasIt = false
      connections.splice(connections.indexOf(one), 1)
    }
  }
  const others = (one: Connection) => connections.some((other) => other !== one && other.brokerHasIt)

  function receive(message: Message, from: Connection): void {
    if (from.bootId !== ticket) return
    if ('report' in message) hear({ type: 'reported', report: message.report })
    else hear(message.acknowledged)
  }
  function deliver(connection: Connection, twice: boolean): void {
    const message = connection.sent.shift()
    if (!message) {
      learnOfEnd(connection)
      return
    }
    receive(message, connection)
    // A request that was answered is over: its answer counts once.
    if ('report' in message) connection.received = [...connection.received.slice(-2), message]
    // What was not acknowledged is sent again, in the order of before (MQTT 3.1.1, 4.6).
    if (twice) for (const again of connection.received) receive(again, connection)
  }
  function learnOfEnd(connection: Connection): void {
    if (connection.nodeHasIt || !connection.brokerHasIt) return
    connection.brokerHasIt = false
    connections.splice(connections.indexOf(connection), 1)
    if (others(connection)) return
    receive({ report: connection.will }, connection)
    hear({ type: 'connection-lost', bootId: connection.bootId })
  }

  function stateNow(): NodeState {
    const state = phase === 'kernel' ? 'booting' : phase
    const words = degraded && state === 'booted' ? { degraded: true, cause: 'degraded: no answer' } : {}
    return { state, bootId, since: time, ...(userSpace > 0 && { userSpace }), ...words }
  }
  function tell(): void {
    if (phase === 'booted') saidBooted.add(`${bootId} ${userSpace}`)
    link?.sent.push({ report: stateNow() })
  }
  function cut(): void {
    if (!link) return
    // What was on its way may be lost with it.
    link.sent.splice(link.sent.length - upTo(link.sent.length + 1))
    link.nodeHasIt = false
    link = undefined
  }
  function connect(): void {
    if (!power || !up || link || phase === 'rebooting' || bootId !== ticket) return
    if (phase === 'kernel') phase = 'booting'
    // A client's id is of its boot: the broker ends its older connection (MQTT 3.1.1, 3.1.4).
    close((one) => one.bootId === bootId)
    const will: NodeState = { ...stateNow(), state: 'down' }
    link = { bootId, will, sent: [], received: [], nodeHasIt: true, brokerHasIt: true }
    connections.push(link)
    tell()
  }
  function boot(kexec: boolean): void {
    if (!up) return
    cut()
    boots += 1
    bootId = ticket = `b${boots}`
    ;[power, phase, userSpace, degraded] = [true, 'kernel', 0, false]
    hear({ type: 'boot-started', bootId, image: 'i', ...(kexec && { cause: kexecCause }) })
  }
  function finishBoot(): void {
    if (!power || phase !== 'booting') return
    phase = 'booted'
    tell()
  }
  function changeRoot(): void {
    if (!power || phase !== 'booted') return
    degraded = !degraded
    tell()
  }
  function setClock(): void {
    offset += (random() - 0.5) * 48 * hourMs
  }
  function turnOff(): void {
    cut()
    power = false
  }
  function acknowledgeReboot(): void {
    if (!link || phase !== 'booted' || !up) return
    const asked = { type: 'reboot-requested', by: 'ann', bootId } as const
    phase = 'rebooting'
    if (chance(0.5)) {
      tell()
      // By the control port: a connection of its own, whose words may come in before or after.
      if (chance(0.5)) hear(asked)
      else late.push(() => hear(asked))
    } else hear(asked)
  }
  function restartUserSpace(): void {
    if (!link || phase !== 'booted' || !up) return
    const known = status.userSpace ?? 0
    const asked = { type: 'reboot-requested', by: 'ann', bootId, userspace: known } as const
    link.sent.push({ acknowledged: asked })
    link.nodeHasIt = false
    link = undefined
    ;[userSpace, phase, degraded] = [userSpace + 1, 'kernel', false]
  }
  function kill(): void {
    up = false
    late.splice(0)
    cut()
    for (const one of connections.splice(0)) one.brokerHasIt = one.nodeHasIt = false
    // Written in order behind what is known; a kill loses the end of it.
    status = written[Math.max(0, written.length - 1 - upTo(3))] ?? status
    written = [status]
    tellStory(() => `${time} the server is killed, and remembers ${status.state} ${status.bootId}`)
  }
  function start(): void {
    if (up) return
    up = true
    startedAt = stateSince = time
    watch = createWatchStart(now(), time)
    const current =
      ticket === '' ? undefined : { node: 'n', bootId: ticket, token: '', image: 'i', startedAt: 0 }
    const missed = missedBoot(fleetNode(), current)
    if (missed) hear(missed)
  }
  function look(): void {
    if (!up) return
    if (startedAt > 0 && time - startedAt > limits.nodeReconnectMs) {
      startedAt = 0
      const silent = silentSince(fleetNode(), connections.length > 0)
      if (silent) hear(silent)
    }
    watch.look(now(), time)
    const event = decideOnBoot(
      fleetNode(),
      chance(0.5) ? { available: true } : { available: false, reason: 'it has no switch' },
      watch.since(),
      now(),
    )
    if (!event) return
    if (time - stateSince < timeoutMs) wrong = `${event.type} after ${time - stateSince} ms`
    hear(event)
    if (event.type === 'boot-timed-out') boot(false)
  }

  const deeds: [number, string, () => void][] = [
    [4, 'boots', () => boot(chance(0.3))],
    [8, 'connects', connect],
    [4, 'is booted', finishBoot],
    [14, 'is heard', () => connections.length > 0 && deliver(pick(connections), chance(0.1))],
    [2, 'loses its connection', cut],
    [1, 'loses its power', turnOff],
    [2, 'says OK to a reboot', acknowledgeReboot],
    [1, 'restarts its user space', restartUserSpace],
    [1, 'has its root, or not', changeRoot],
    [1, 'sees the server killed', kill],
    [3, 'sees a server', start],
    [1, 'sees a clock jump', setClock],
    [2, 'has an answer come late', () => late.shift()?.()],
  ]
  const weights = deeds.reduce((sum, [weight]) => sum + weight, 0)
  function pick<T>(items: readonly T[]): T {
    return items[upTo(items.length)] as T
  }
  function drawDeed(): (typeof deeds)[number] {
    let at = random() * weights
    for (const deed of deeds) {
      at -= deed[0]
      if (at < 0) return deed
    }
    return deeds[0] as (typeof deeds)[number]
  }
  function pass(ms: number): void {
    for (const end = time + ms; time < end && wrong === undefined; ) {
      time += Math.min(lookMs, end - time)
      look()
    }
  }

  for (let step = 0; step < steps && wrong === undefined; step++) {
    const [, name, act] = drawDeed()
    tellStory(() => `${time} the node ${name} (${bootId} ${phase} ${power ? 'on' : 'off'})`)
    act()
    pass(chance(0.1) ? upTo(300_000) : upTo(3_000))
  }
  if (wrong !== undefined) return wrong

  // In the end all is quiet: what was sent has come, who lives is connected, and has said how it is.
  start()
  const settle = () => {
    for (const answer of late.splice(0)) answer()
    for (const one of [...connections]) while (one.sent.length > 0) deliver(one, false)
    for (const one of [...connections]) learnOfEnd(one)
  }
  if (phase === 'rebooting') turnOff()
  settle()
  if (power && bootId === ticket) {
    connect()
    finishBoot()
    settle()
  }
  pass(limits.nodeReconnectMs + 1_000)
  if (boots === 0) return status.state === 'new' ? undefined : `${status.state}, and never booted`
  const alive = power && bootId === ticket && link !== undefined
  const seen = `${status.state} ${status.bootId} user space ${status.userSpace ?? 0}${status.degraded ? ' degraded' : ''}`
  const truth = `booted ${bootId} user space ${userSpace}${degraded ? ' degraded' : ''}`
  if (alive && seen !== truth) return `the node is ${truth}; the server says ${seen}`
  if (!alive && status.state === 'booted') return `the node is gone; the server says ${seen}`
  return wrong
}
