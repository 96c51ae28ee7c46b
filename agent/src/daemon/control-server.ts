import { createServer, type Server, type Socket } from 'node:net'
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import {
  type ControlActions,
  type ControlSession,
  type ControlTimes,
  controlTimes,
  serveControlSession,
} from './control-session.ts'

export type ControlServerOptions = {
  port: number
  /** Besides loopback: the server's address, and walt.control.allow=. */
  allowed: readonly string[]
  actions: ControlActions
  warn: (message: string) => void
  times?: ControlTimes
  connectionsMax?: number
}

export type ControlServer = {
  start: () => Promise<void>
  stop: () => Promise<void>
  port: () => number
  /** Connections closed unheard: from an address that is not allowed, or one too many. */
  refused: () => number
}

/**
 * The control port. Each connection is served by itself and costs one buffer at most; at the limit the one that has
 * been idle for longest gives way, so that silent peers cannot lock the server out.
 */
export function createControlServer(options: ControlServerOptions): ControlServer {
  const sessions = new Map<Socket, ControlSession>()
  const connectionsMax = options.connectionsMax ?? limits.controlConnectionsMax
  let refused = 0

  // A peer may end its side after its request (`nc -N`) and still wants the reply.
  const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    if (!isAllowed(socket.remoteAddress, options.allowed) || !makeRoom()) {
      refused += 1
      socket.destroy()
      return
    }
    const session = serveControlSession(socket, options.actions, options.times ?? controlTimes, options.warn)
    sessions.set(socket, session)
    socket.once('close', () => sessions.delete(socket))
  })

  function makeRoom(): boolean {
    if (sessions.size < connectionsMax) return true
    const oldest = oldestIdle(sessions)
    if (!oldest) return false
    sessions.delete(oldest)
    oldest.destroy()
    return true
  }

  return {
    async start() {
      await listen(server, options.port)
      // accept(2) may fail now and then, with too many files open for one.
      server.on('error', (error) => options.warn(`the control port: ${error.message}`))
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sessions.keys()) socket.destroy()
      await closed
    },
    port() {
      const address = server.address()
      return typeof address === 'object' && address ? address.port : 0
    },
    refused: () => refused,
  }
}

/** An IPv4 peer of a dual-stack listener is seen as ::ffff:192.168.152.1 (RFC 4291, 2.5.5.2). */
export function isAllowed(remote: string | undefined, allowed: readonly string[]): boolean {
  if (remote === undefined) return false
  const address = remote.replace(/^::ffff:/, '')
  return address === '::1' || address.startsWith('127.') || allowed.includes(address)
}

function oldestIdle(sessions: ReadonlyMap<Socket, ControlSession>): Socket | undefined {
  let oldest: { socket: Socket; since: number } | undefined
  for (const [socket, session] of sessions) {
    const since = session.idleSince()
    if (since !== undefined && (!oldest || since < oldest.since)) oldest = { socket, since }
  }
  return oldest?.socket
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    function fail(cause: Error): void {
      const message = `the control port ${port} cannot be opened: ${cause.message}; is another agent running?`
      reject(new WaltError('control-port-unavailable', message, { cause }))
    }
    server.once('error', fail)
    server.listen(port, () => {
      server.off('error', fail)
      resolve()
    })
  })
}
