/**
 * Lets a socket that a net.Server has accepted read into a buffer of ours. Node offers that (`onread`) for sockets that
 * it connects itself only; for others each read gets a new 64 KiB, which cost a third of the sequential speed and half of
 * the memory. So the socket is made anew around its handle, as net.Server makes it.
 */
import { Socket, type SocketConstructorOpts } from 'node:net'

type Inner = { _handle: unknown; _server: unknown }

/** `accepted` must have been accepted with `pauseOnConnect`. `onRead` gets the buffer's first bytes, valid until it returns. */
export function readInto(accepted: Socket, buffer: Buffer, onRead: (chunk: Buffer) => void): Socket {
  const inner = accepted as unknown as Inner
  const options = {
    handle: inner._handle,
    onread: {
      buffer,
      callback(length: number, into: Buffer) {
        onRead(into.subarray(0, length))
        return true
      },
    },
  }
  const socket = new Socket(options as SocketConstructorOpts)
  // It is the new one's now, and its server counts that as the connection.
  ;(socket as unknown as Inner)._server = inner._server
  inner._handle = null
  inner._server = null
  return socket
}
