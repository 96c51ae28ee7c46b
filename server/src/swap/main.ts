/**
 * The swap process, a child of walt-server: so a busy server never slows swap, and the reverse. It knows by itself whom
 * to serve, does what it is told by IPC, and ends when the server is gone. Killed, it loses nothing: what nodes have
 * written is in the kernel's page cache, and its next start finds the files.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import * as v from 'valibot'
import { createBootTable } from './boot-table.ts'
import { type SwapNews, type SwapOrder, swapOrder } from './messages.ts'
import { createSwapServer, type SwapServer } from './server.ts'
import type { SwapEvent } from './swap-event.ts'

type Start = Extract<SwapOrder, { type: 'start' }>

const table = createBootTable()
let server: SwapServer | undefined
/** Orders are followed one after the other; `start` takes a while. */
let followed: Promise<void> = Promise.resolve()

function tell(news: SwapNews): void {
  // The server may go at any moment; then so does this process.
  if (process.connected) process.send?.(news, undefined, {}, () => undefined)
}

let eventsLeft: number = limits.swapEventsPerMinuteMax
setInterval(() => {
  eventsLeft = limits.swapEventsPerMinuteMax
}, 60_000).unref()

/** Peers that come and go all the time may not fill the server's log. */
function tellEvent(event: SwapEvent): void {
  if (eventsLeft <= 0 && !event.kind.startsWith('space-')) return
  eventsLeft -= 1
  tell({ type: 'event', event: { ...event, message: event.message.slice(0, limits.swapEventMaxChars) } })
  if (event.kind === 'attached' || event.kind === 'detached') statusIsDue()
}

async function start({ settings, boots }: Start): Promise<void> {
  for (const { othersMayLive: _, ...boot } of boots) table.allow(boot)
  const { nodeQuotaBytes, ...rest } = settings
  const started = await createSwapServer({
    ...rest,
    ...(nodeQuotaBytes === null ? {} : { nodeQuotaBytes }),
    allow: table.ofAddress,
    onEvent: tellEvent,
  })
  const othersMayLive = new Map(boots.map((boot) => [boot.node, boot.othersMayLive]))
  started.remove(
    ({ node, bootId }) => table.ofNode(node)?.bootId !== bootId && othersMayLive.get(node) !== true,
  )
  await listen(started)
  server = started
  tell({ type: 'listening', port: started.port() })
  tellStatus()
  setInterval(tellStatus, limits.swapFiguresMs)
}

/** The port may still be that of the process before, which ends when it finds that its server is gone. */
async function listen(started: SwapServer): Promise<void> {
  const deadline = performance.now() + limits.swapListenMs
  for (;;) {
    try {
      return await started.start()
    } catch (thrown) {
      const cause = thrown instanceof Error ? thrown.cause : undefined
      const taken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
      if (!taken || performance.now() > deadline) throw thrown
      await started.stop()
      await wait(limits.swapListenRetryMs)
    }
  }
}

let told = ''
function tellStatus(): void {
  if (!server) return
  const status = server.status()
  const text = JSON.stringify(status)
  if (text === told) return
  told = text
  tell({ type: 'status', status })
}

let statusDue = false
/** Soon, once for all that happens in one turn. */
function statusIsDue(): void {
  if (statusDue) return
  statusDue = true
  setImmediate(() => {
    statusDue = false
    tellStatus()
  })
}

async function follow(order: SwapOrder): Promise<void> {
  if (order.type === 'start') return start(order)
  if (order.type === 'allow') return table.allow(order.boot)
  if (order.type === 'deny') return table.deny(order.node)
  if (order.type === 'forget') {
    server?.remove(({ node, bootId }) => node === order.node && bootId !== order.keepBootId)
  } else server?.remove(({ node, bootId }) => node === order.node && bootId === order.bootId)
  tellStatus()
}

process.on('message', (message) => {
  const order = v.parse(swapOrder, message)
  followed = followed
    .then(() => follow(order))
    .catch((thrown) => {
      const code = thrown instanceof WaltError ? thrown.code : 'swap-failed'
      tell({ type: 'failed', code, message: reasonOf(thrown) })
      setImmediate(() => process.exit(1))
    })
})
process.on('disconnect', () => process.exit())
// A terminal's Ctrl-C and systemd's stop go to all processes; the nodes are served until the server says otherwise.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
if (!process.connected) {
  process.stderr.write('This is a part of walt-server, which starts it by itself.\n')
  process.exitCode = 2
}
