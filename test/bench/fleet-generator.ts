/**
 * The load: nodes that live as real ones do, in a process of their own, told what to do by IPC (fleet-orders.ts).
 * What happens by chance is drawn from a seed, for each node from a stream of its own. How many draws a node makes depends
 * on how often it has to try again, so two runs of a seed are alike, not equal.
 */
import { createServer } from 'node:net'
import { createBackoff } from '@walt/shared/backoff'
import { controlPort } from '@walt/shared/control'
import { limits } from '@walt/shared/limits'
import {
  beginBoot,
  connectNode,
  type NodeIdentity,
  type ServerPorts,
  type SimulatedBoot,
  type SimulatedNode,
  telemetryOf,
} from '../support/simulated-node.ts'
import { type FleetAnswer, type FleetOrder, type NodeFigures, randomOf } from './fleet-orders.ts'

/** Boots that are begun at the same time when all are told to boot. */
const concurrent = 64
/** What a node draws its time to boot from. */
const bootMs = { min: 500, spread: 2_000 }

type Life = {
  figures(): NodeFigures
  begin(): Promise<void>
  /** Its power goes; with `again` it comes back and boots. */
  lose(again: boolean): void
  /** Called when it has said OK to a reboot. */
  reboot(): void
}

const lives: Life[] = []
const byAddress = new Map<string, Life>()
const problems = new Map<string, number>()

function note(thrown: unknown): void {
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  problems.set(text, (problems.get(text) ?? 0) + 1)
}

/** `tickets`: whether there is a server that gives them, or a broker alone. */
function createLife(
  identity: NodeIdentity,
  ports: ServerPorts,
  tickets: boolean,
  random: () => number,
): Life {
  const reconnect = createBackoff({
    minMs: limits.mqttReconnectMinMs,
    maxMs: limits.mqttReconnectMaxMs,
    random,
  })
  const bootRetry = createBackoff({ minMs: 1_000, maxMs: 8_000, random })
  const part = random()
  const phaseMs = random() * limits.telemetryIntervalMs
  /** Counts boots and losses: what belongs to an earlier one comes to nothing. */
  let run = 0
  let boot: SimulatedBoot | undefined
  let node: SimulatedNode | undefined
  let state: 'off' | 'booting' | 'booted' | 'rebooting' = 'off'
  let telemetry: NodeJS.Timeout | undefined
  let counter = 0

  const later = (ms: number, act: () => void) => {
    const current = run
    setTimeout(() => current === run && act(), ms)
  }
  const tell = () => node?.tell(telemetryOf(part, Date.now()), 0).catch(note)

  async function connect(given: SimulatedBoot): Promise<void> {
    const current = run
    let made: SimulatedNode | undefined
    const connected = await connectNode(ports, identity, given, {
      onCommand: (id) => void node?.answer(id, { ok: true }).catch(note),
      onClose() {
        if (current !== run || made === undefined || node !== made) return
        node = undefined
        later(reconnect.nextMs(), () => void connectAnew())
      },
    })
    if (current !== run) return connected.lose()
    made = connected
    node = made
    reconnect.reset()
    // As an agent does: all that may have been lost meanwhile.
    await connected.become(state === 'booted' ? 'booted' : 'booting')
    await connected.tellBoot()
    await tell()
  }
  async function connectAnew(): Promise<void> {
    if (boot === undefined || node !== undefined) return
    await connect(boot).catch((thrown: unknown) => {
      note(thrown)
      if (node === undefined) later(reconnect.nextMs(), () => void connectAnew())
    })
  }
  async function begin(): Promise<void> {
    run += 1
    const current = run
    state = 'booting'
    counter += 1
    boot = tickets
      ? await beginBoot(ports, identity)
      : { bootId: `${counter}`.padStart(16, '0'), token: 'none' }
    if (current !== run) return
    await connect(boot)
    if (current !== run) return
    state = 'booted'
    await node?.become('booted')
    clearInterval(telemetry)
    later(phaseMs, () => {
      tell()
      telemetry = setInterval(tell, limits.telemetryIntervalMs)
    })
  }
  function beginUntilItDoes(): void {
    begin().then(
      () => bootRetry.reset(),
      (thrown) => {
        note(thrown)
        later(bootRetry.nextMs(), beginUntilItDoes)
      },
    )
  }
  function goDown(): void {
    run += 1
    clearInterval(telemetry)
    node?.lose()
    node = undefined
    boot = undefined
  }

  return {
    figures: () => ({
      name: identity.name,
      state,
      connected: node !== undefined,
      ...(boot ? { bootId: boot.bootId } : {}),
    }),
    begin,
    lose(again) {
      goDown()
      state = 'off'
      if (again) later(bootMs.min + random() * bootMs.spread, beginUntilItDoes)
    },
    reboot() {
      if (state !== 'booted') return
      state = 'rebooting'
      // Its goodbye has a moment; then the machine is gone.
      void node?.become('rebooting', 'asked by the server').catch(note)
      later(100, () => {
        goDown()
        later(bootMs.min + random() * bootMs.spread, beginUntilItDoes)
      })
    },
  }
}

/** One port for all: which node was meant, the address tells. */
async function serveControlPorts(): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', note)
    socket.on('data', (chunk) => {
      const life = byAddress.get(socket.localAddress ?? '')
      const reboots = chunk.includes('REBOOT')
      socket.end('OK\n', () => reboots && life?.reboot())
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: controlPort, host: '0.0.0.0', backlog: 4096 }, resolve)
  })
}

async function carryOut(order: FleetOrder): Promise<NonNullable<FleetAnswer['result']>> {
  if (order.type === 'start') {
    for (const [index, identity] of order.nodes.entries()) {
      const life = createLife(identity, order.ports, order.tickets, randomOf(order.seed + index))
      lives.push(life)
      byAddress.set(identity.address, life)
    }
    if (order.tickets) await serveControlPorts()
  }
  if (order.type === 'boot') {
    const waiting = lives.values()
    // One that fails is tried once more, and then counted.
    const once = (life: Life) => life.begin().catch((thrown) => note(thrown))
    await Promise.all(
      Array.from({ length: concurrent }, async () => {
        for (const life of waiting) await once(life)
      }),
    )
  }
  if (order.type === 'lose') for (const index of order.indexes) lives[index]?.lose(order.again)
  return { nodes: lives.map((life) => life.figures()), problems: Object.fromEntries(problems) }
}

process.on('message', (order: FleetOrder) => {
  carryOut(order).then(
    (result) => process.send?.({ result } satisfies FleetAnswer),
    (thrown: unknown) => process.send?.({ failed: String(thrown) } satisfies FleetAnswer),
  )
})
process.on('disconnect', () => process.exit())
