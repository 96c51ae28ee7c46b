import type { Socket } from 'node:net'
import { limits } from '@walt/shared/limits'

/** Writes, and waits while the peer does not read. False: the peer is gone, or has not read anything for too long. */
export function send(socket: Socket, data: string | Uint8Array): Promise<boolean> {
  if (socket.destroyed || !socket.writable) return Promise.resolve(false)
  if (socket.write(data)) return Promise.resolve(true)
  return new Promise((resolve) => {
    function settle(sent: boolean): void {
      clearTimeout(timer)
      socket.off('drain', drained)
      socket.off('close', gone)
      if (!sent) socket.destroy()
      resolve(sent)
    }
    const drained = () => settle(true)
    const gone = () => settle(false)
    const timer = setTimeout(gone, limits.controlStallMs)
    socket.on('drain', drained)
    socket.on('close', gone)
  })
}

/** Everything written is in the kernel's hands. */
function flushed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed || !socket.writable) return resolve()
    socket.write('', () => resolve())
  })
}

/**
 * Resolves when the peer's TCP has acknowledged all that was written (`unsentBytes` is SIOCOUTQ, see tcp(7)), when the
 * peer is gone, or after a second: an `OK` that is lost costs a needless hard reboot, a dead peer must not cost more.
 */
export async function delivered(socket: Socket, unsentBytes: (fd: number) => number): Promise<void> {
  const deadline = performance.now() + limits.controlDeliveryMs
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, limits.controlDeliveryMs)
  await Promise.race([flushed(socket), late.promise])
  while (performance.now() < deadline) {
    const fd = descriptorOf(socket)
    if (socket.destroyed || fd === undefined || unsentBytes(fd) === 0) break
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  clearTimeout(timer)
}

/** Node has no public way to a socket's descriptor. */
function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as Socket & { _handle?: { fd?: number } | null })._handle?.fd
  return fd !== undefined && fd >= 0 ? fd : undefined
}

/** Ends a connection: what was written still goes out, then a peer that stays has a second. */
export function hangUp(socket: Socket): void {
  if (socket.destroyed) return
  socket.end()
  // Unread input would turn the close into a reset, which can overtake the reply (RFC 1122, 4.2.2.13).
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), limits.controlDeliveryMs)
  socket.once('end', () => socket.destroySoon())
  socket.once('close', () => clearTimeout(timer))
}
