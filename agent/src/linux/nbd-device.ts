/**
 * Attaches an NBD export to /dev/nbd0 with no client process left behind: TCP connection and handshake here, then the
 * kernel's driver takes the socket over by generic netlink. Source: include/uapi/linux/nbd-netlink.h.
 */
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { clientHandshake, type NbdExport } from '@walt/shared/nbd'
import type { Kernel } from './kernel.ts'
import { kernelCallFailed } from './kernel-errors.ts'
import { decodeAnswer, encodeFamilyQuestion, encodeGenericMessage, familyOf, u32, u64 } from './netlink.ts'

const connectCommand = 1
const disconnectCommand = 2
const reconfigureCommand = 3
const attribute = {
  index: 1,
  sizeBytes: 2,
  blockSizeBytes: 3,
  serverFlags: 5,
  sockets: 7,
  deadConnectionTimeout: 8,
} as const
const socketItem = 1
const socketDescriptor = 1

export const swapDevice = '/dev/nbd0'
const swapDeviceIndex = 0
/** Swap is read and written by pages; with blocks of a page the driver never splits one. */
const blockBytes = 4096

export type NbdPeer = { address: string; port: number; exportName: string }
type NbdKernel = Pick<Kernel, 'connectTcp' | 'send' | 'receive' | 'closeDescriptor' | 'genericNetlink'>

/** Exactly so many bytes, all within the deadline. */
function receiveExactly(kernel: NbdKernel, fd: number, bytes: number, deadline: number): Uint8Array {
  const whole = new Uint8Array(bytes)
  for (let filled = 0; filled < bytes; ) {
    const part = kernel.receive({ fd, maxBytes: bytes - filled, withinMs: deadline - performance.now() })
    if (part.length === 0) {
      throw new WaltError('nbd-closed', 'the server closed the connection')
    }
    whole.set(part, filled)
    filled += part.length
  }
  return whole
}

function shakeHands(kernel: NbdKernel, fd: number, peer: NbdPeer, deadline: number): NbdExport {
  const handshake = clientHandshake(peer.exportName)
  try {
    let turn = handshake.next()
    while (!turn.done) {
      const { send, readBytes } = turn.value
      if (send.length > 0) kernel.send({ fd, bytes: send, withinMs: deadline - performance.now() })
      turn = handshake.next(receiveExactly(kernel, fd, readBytes, deadline))
    }
    return turn.value
  } catch (cause) {
    const server = `NBD handshake with ${peer.address} port ${peer.port}`
    throw new WaltError('nbd-handshake-failed', `${server}: ${reasonOf(cause)}`, { cause })
  }
}

/** Pure: the message that hands a connected socket to the driver. */
export function encodeNbdConnect(request: { family: number; fd: number; given: NbdExport }): Uint8Array {
  const { family, fd, given } = request
  return encodeGenericMessage({
    family,
    command: connectCommand,
    version: 1,
    attributes: [
      { type: attribute.index, value: u32(swapDeviceIndex) },
      { type: attribute.sizeBytes, value: u64(BigInt(given.sizeBytes)) },
      { type: attribute.blockSizeBytes, value: u64(BigInt(blockBytes)) },
      { type: attribute.serverFlags, value: u64(BigInt(given.flags)) },
      { type: attribute.deadConnectionTimeout, value: u64(BigInt(limits.nbdDeadConnectionSeconds)) },
      {
        type: attribute.sockets,
        value: [{ type: socketItem, value: [{ type: socketDescriptor, value: u32(fd) }] }],
      },
    ],
  })
}

/**
 * Pure: the message that offers the driver a connected socket in place of one that is dead. It is acknowledged in any
 * case: with none dead the offer changes nothing (nbd_genl_reconfigure), so it may be made again and again.
 */
export function encodeNbdReconfigure(request: { family: number; fd: number }): Uint8Array {
  return encodeGenericMessage({
    family: request.family,
    command: reconfigureCommand,
    version: 1,
    acknowledge: true,
    attributes: [
      { type: attribute.index, value: u32(swapDeviceIndex) },
      {
        type: attribute.sockets,
        value: [{ type: socketItem, value: [{ type: socketDescriptor, value: u32(request.fd) }] }],
      },
    ],
  })
}

/** Takes the export off the device; what waits for it in the driver fails. */
export async function detachNbd(
  kernel: Pick<Kernel, 'genericNetlink' | 'genericNetlinkWithin'>,
  withinMs: number,
): Promise<void> {
  const message = encodeGenericMessage({
    family: nbdFamily(kernel, withinMs),
    command: disconnectCommand,
    version: 1,
    acknowledge: true,
    attributes: [{ type: attribute.index, value: u32(swapDeviceIndex) }],
  })
  const answer = decodeAnswer(await kernel.genericNetlinkWithin({ message, withinMs }))
  if (answer.kind === 'error' && answer.errno !== 0) {
    throw kernelCallFailed(`detach ${swapDevice}`, answer.errno)
  }
}

/** @throws WaltError `nbd-driver-missing` */
export function nbdFamily(kernel: Pick<Kernel, 'genericNetlink'>, withinMs: number): number {
  const family = familyOf(
    decodeAnswer(kernel.genericNetlink({ message: encodeFamilyQuestion('nbd'), withinMs })),
  )
  if (family !== undefined) return family
  throw new WaltError('nbd-driver-missing', 'the kernel has no NBD driver: module nbd is not loaded')
}

/**
 * @throws WaltError `nbd-driver-missing`, or what connecting, the handshake or the kernel says
 */
export function attachNbd(kernel: NbdKernel, peer: NbdPeer, withinMs: number): NbdExport {
  const deadline = performance.now() + withinMs
  const left = () => deadline - performance.now()
  const family = nbdFamily(kernel, left())
  const fd = kernel.connectTcp({ address: peer.address, port: peer.port, withinMs: left() })
  try {
    const given = shakeHands(kernel, fd, peer, deadline)
    const message = encodeNbdConnect({ family, fd, given })
    const answer = decodeAnswer(kernel.genericNetlink({ message, withinMs: left() }))
    if (answer.kind === 'error' && answer.errno !== 0) {
      throw kernelCallFailed(`attach ${peer.exportName} to ${swapDevice}`, answer.errno)
    }
    return given
  } finally {
    // The driver holds a reference of its own to the socket.
    kernel.closeDescriptor(fd)
  }
}
