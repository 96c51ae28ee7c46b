import { isIPv4 } from 'node:net'
import { constants } from 'node:os'
import { WaltError } from '@walt/shared/errors'
import { callOnThread, errno, libc, pointerTo } from './ffi.ts'
import type { Kernel } from './kernel.ts'
import { checked, kernelCallFailed } from './kernel-errors.ts'

/** include/linux/socket.h and asm-generic/socket.h: the same on x64 and arm64. */
const internetFamily = 2
const netlinkFamily = 16
const streamSocket = 1
const rawSocket = 3
const closeOnExec = 0o2000000
const genericNetlinkProtocol = 16
const socketLevel = 1
const keepalive = 9
const receiveTimeout = 20
const sendTimeout = 21
const noSignal = 0x4000
const unsentBytesRequest = 0x5411n
const netlinkDatagramMaxBytes = 32 * 1024
const nonBlocking = 0o4000
const dontWait = 0x40
const tcpLevel = 6
const tcpInfoOption = 11
const tcpNoDelay = 1
const tcpEstablished = 1
const bothDirections = 2
/** struct tcp_info of include/uapi/linux/tcp.h, as far as tcpi_bytes_acked. */
const tcpInfo = { bytes: 128, state: 0, retransmits: 2, lastDataReceived: 52, bytesAcknowledged: 120 }
const { EAGAIN, EALREADY, EINPROGRESS, EISCONN } = constants.errno

/** struct timeval; all zero is no limit. */
function limitTime(fd: number, option: number, ms: number): void {
  const limit = BigInt64Array.from([BigInt(Math.floor(ms / 1000)), BigInt(Math.floor(ms % 1000) * 1000)])
  checked(libc().setsockopt(fd, socketLevel, option, pointerTo(limit), 16), 'set a socket time limit')
}

/** The limit is lifted afterwards: the NBD driver inherits it with the socket, and would take it for a lost connection. */
function withinTime<T>(fd: number, option: number, ms: number, call: () => T): T {
  limitTime(fd, option, Math.max(1, Math.ceil(ms)))
  try {
    return call()
  } finally {
    limitTime(fd, option, 0)
  }
}

/**
 * A call on a socket with a time limit is interrupted by any signal that this process takes (signal(7)), the end of a
 * child for one; repeated, it goes on, connect(2) too.
 */
function repeated(call: () => number): number {
  for (;;) {
    const result = call()
    if (result >= 0 || errno() !== constants.errno.EINTR) return result
  }
}

/** struct sockaddr_in */
function socketAddress(address: string, port: number): Uint8Array {
  if (!isIPv4(address)) throw new WaltError('address-invalid', `"${address}" is not an IPv4 address.`)
  const bytes = Buffer.alloc(16)
  bytes.writeUInt16LE(internetFamily, 0)
  bytes.writeUInt16BE(port, 2)
  bytes.set(address.split('.').map(Number), 4)
  return bytes
}

function sendAll(fd: number, bytes: Uint8Array, withinMs: number): void {
  withinTime(fd, sendTimeout, withinMs, () => {
    for (let rest = bytes; rest.length > 0; ) {
      const sent = repeated(() => Number(libc().send(fd, pointerTo(rest), BigInt(rest.length), noSignal)))
      checked(sent, `send ${rest.length} bytes`)
      rest = rest.subarray(sent)
    }
  })
}

function receiveSome(fd: number, maxBytes: number, withinMs: number): Uint8Array {
  const bytes = new Uint8Array(maxBytes)
  const received = withinTime(fd, receiveTimeout, withinMs, () =>
    checked(
      repeated(() => Number(libc().recv(fd, pointerTo(bytes), BigInt(maxBytes), 0))),
      'receive',
    ),
  )
  return bytes.subarray(0, received)
}

type SocketCalls = Pick<
  Kernel,
  | 'socketUnsentBytes'
  | 'connectTcp'
  | 'send'
  | 'receive'
  | 'closeDescriptor'
  | 'genericNetlink'
  | 'genericNetlinkWithin'
  | 'beginConnect'
  | 'connected'
  | 'sendNow'
  | 'receiveNow'
  | 'tcpHealth'
  | 'shutDownSocket'
>

export const socketCalls: SocketCalls = {
  socketUnsentBytes: ({ fd }) => {
    const count = new Int32Array(1)
    const bytes = new Uint8Array(count.buffer)
    checked(libc().ioctl(fd, unsentBytesRequest, pointerTo(bytes)), 'ask for the unsent bytes of a socket')
    return count[0] ?? 0
  },
  connectTcp: ({ address, port, withinMs }) => {
    const peer = socketAddress(address, port)
    const fd = checked(libc().socket(internetFamily, streamSocket | closeOnExec, 0), 'open a TCP socket')
    try {
      const on = new Uint8Array(Int32Array.from([1]).buffer)
      checked(libc().setsockopt(fd, socketLevel, keepalive, pointerTo(on), 4), 'set keepalive')
      // SO_SNDTIMEO bounds connect too: socket(7).
      withinTime(fd, sendTimeout, withinMs, () =>
        checked(
          repeated(() => libc().connect(fd, pointerTo(peer), peer.length)),
          `connect to ${address} port ${port}`,
        ),
      )
      return fd
    } catch (thrown) {
      libc().close(fd)
      throw thrown
    }
  },
  send: ({ fd, bytes, withinMs }) => sendAll(fd, bytes, withinMs),
  receive: ({ fd, maxBytes, withinMs }) => receiveSome(fd, maxBytes, withinMs),
  closeDescriptor: (fd) => {
    if (libc().close(fd) !== 0) throw kernelCallFailed(`close descriptor ${fd}`)
  },
  genericNetlink: ({ message, withinMs }) => {
    // Kept open: there may be no memory for another when it is needed.
    netlinkSocket ??= openGenericNetlink()
    try {
      sendAll(netlinkSocket, message, withinMs)
      return receiveSome(netlinkSocket, netlinkDatagramMaxBytes, withinMs)
    } catch (thrown) {
      // An answer that comes too late must not be taken for that of the next question.
      libc().close(netlinkSocket)
      netlinkSocket = undefined
      throw thrown
    }
  },
  genericNetlinkWithin: async ({ message, withinMs }) => {
    const fd = openGenericNetlink()
    try {
      // A netlink command is carried out by the call that sends it.
      const args = [fd, pointerTo(message), BigInt(message.length), noSignal]
      const what = `send ${message.length} bytes of netlink`
      const { result, errno } = await callOnThread({ symbol: 'send', args, withinMs, what })
      if (Number(result) < 0) throw kernelCallFailed(what, errno)
      return receiveSome(fd, netlinkDatagramMaxBytes, withinMs)
    } finally {
      libc().close(fd)
    }
  },
  beginConnect: ({ address, port }) => {
    const peer = socketAddress(address, port)
    const type = streamSocket | closeOnExec | nonBlocking
    const fd = checked(libc().socket(internetFamily, type, 0), 'open a TCP socket')
    try {
      switchOn(fd, socketLevel, keepalive)
      switchOn(fd, tcpLevel, tcpNoDelay)
      if (libc().connect(fd, pointerTo(peer), peer.length) !== 0 && errno() !== EINPROGRESS) {
        throw kernelCallFailed(`connect to ${address} port ${port}`)
      }
      return fd
    } catch (thrown) {
      libc().close(fd)
      throw thrown
    }
  },
  connected: ({ fd, address, port }) => {
    const peer = socketAddress(address, port)
    // Asked again, connect(2) says how far it is.
    if (libc().connect(fd, pointerTo(peer), peer.length) === 0) return true
    const reason = errno()
    if (reason === EISCONN) return true
    if (reason === EALREADY || reason === EINPROGRESS) return false
    throw kernelCallFailed(`connect to ${address} port ${port}`, reason)
  },
  sendNow: ({ fd, bytes }) => {
    const sent = Number(libc().send(fd, pointerTo(bytes), BigInt(bytes.length), noSignal | dontWait))
    if (sent < 0 && errno() === EAGAIN) return 0
    return checked(sent, `send ${bytes.length} bytes`)
  },
  receiveNow: ({ fd, into }) => {
    const received = Number(libc().recv(fd, pointerTo(into), BigInt(into.length), dontWait))
    if (received < 0 && errno() === EAGAIN) return undefined
    return checked(received, 'receive')
  },
  tcpHealth: ({ fd }) => {
    const info = new DataView(new ArrayBuffer(tcpInfo.bytes))
    const length = new Uint8Array(Uint32Array.from([tcpInfo.bytes]).buffer)
    const into = pointerTo(new Uint8Array(info.buffer))
    checked(
      libc().getsockopt(fd, tcpLevel, tcpInfoOption, into, pointerTo(length)),
      'ask after a TCP connection',
    )
    return {
      established: info.getUint8(tcpInfo.state) === tcpEstablished,
      retransmits: info.getUint8(tcpInfo.retransmits),
      silentMs: info.getUint32(tcpInfo.lastDataReceived, true),
      acknowledgedBytes: Number(info.getBigUint64(tcpInfo.bytesAcknowledged, true)),
    }
  },
  shutDownSocket: (fd) => {
    // One that has ended already says that it is not connected, which is what was wanted.
    libc().shutdown(fd, bothDirections)
  },
}

let netlinkSocket: number | undefined

function openGenericNetlink(): number {
  const fd = checked(
    libc().socket(netlinkFamily, rawSocket | closeOnExec, genericNetlinkProtocol),
    'open a generic netlink socket',
  )
  const self = Buffer.alloc(12)
  self.writeUInt16LE(netlinkFamily, 0)
  checked(libc().bind(fd, pointerTo(self), self.length), 'bind a generic netlink socket')
  return fd
}

function switchOn(fd: number, level: number, option: number): void {
  const on = new Uint8Array(Int32Array.from([1]).buffer)
  checked(libc().setsockopt(fd, level, option, pointerTo(on), 4), 'set a socket option')
}
