/**
 * NBD's transmission phase with simple replies, both sides. Pure: bytes in, values out. Numbers are big-endian.
 * Source: the NBD project's doc/proto.md, "Transmission phase".
 */
import { WaltError } from './errors.ts'
import { limits } from './limits.ts'

export const nbdCommand = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  cache: 5,
  writeZeroes: 6,
  blockStatus: 7,
} as const

export const nbdCommandFlag = {
  fua: 1 << 0,
  noHole: 1 << 1,
  df: 1 << 2,
  reqOne: 1 << 3,
  fastZero: 1 << 4,
} as const

/** Error numbers of a reply: NBD's own, whatever the platform's are. */
export const nbdError = {
  none: 0,
  notPermitted: 1,
  inputOutput: 5,
  noMemory: 12,
  invalid: 22,
  noSpace: 28,
  overflow: 75,
  notSupported: 95,
  shutdown: 108,
} as const

export const nbdRequestBytes = 28
export const nbdSimpleReplyBytes = 16
const requestMagic = 0x2560_9513
const simpleReplyMagic = 0x6744_6698

export type NbdRequest = {
  command: number
  flags: number
  /** The client's name for the request, given back in its reply: 64 bits, upper half first. */
  cookieHigh: number
  cookieLow: number
  /** Infinity when it is beyond 2^53: then it is beyond every export too. */
  offset: number
  length: number
}

/**
 * Reads the request at `at`, of which all `nbdRequestBytes` must be there.
 * @throws WaltError `nbd-protocol` when it is none: the stream has no meaning from there on
 */
export function decodeRequest(bytes: Buffer, at: number): NbdRequest {
  if (at < 0 || at + nbdRequestBytes > bytes.length || bytes.readUInt32BE(at) !== requestMagic) {
    throw new WaltError('nbd-protocol', 'The NBD client sent something that is no request.')
  }
  const offsetHigh = bytes.readUInt32BE(at + 16)
  return {
    flags: bytes.readUInt16BE(at + 4),
    command: bytes.readUInt16BE(at + 6),
    cookieHigh: bytes.readUInt32BE(at + 8),
    cookieLow: bytes.readUInt32BE(at + 12),
    offset:
      offsetHigh < 0x20_0000
        ? offsetHigh * 0x1_0000_0000 + bytes.readUInt32BE(at + 20)
        : Number.POSITIVE_INFINITY,
    length: bytes.readUInt32BE(at + 24),
  }
}

export function encodeRequest(request: NbdRequest): Buffer {
  const bytes = Buffer.alloc(nbdRequestBytes)
  bytes.writeUInt32BE(requestMagic, 0)
  bytes.writeUInt16BE(request.flags, 4)
  bytes.writeUInt16BE(request.command, 6)
  bytes.writeUInt32BE(request.cookieHigh, 8)
  bytes.writeUInt32BE(request.cookieLow, 12)
  bytes.writeBigUInt64BE(BigInt(request.offset), 16)
  bytes.writeUInt32BE(request.length, 24)
  return bytes
}

/** Writes a reply's header at `at`; the data of a read follows it. */
export function encodeSimpleReply(
  into: Buffer,
  at: number,
  request: Pick<NbdRequest, 'cookieHigh' | 'cookieLow'>,
  error: number,
): void {
  into.writeUInt32BE(simpleReplyMagic, at)
  into.writeUInt32BE(error, at + 4)
  into.writeUInt32BE(request.cookieHigh, at + 8)
  into.writeUInt32BE(request.cookieLow, at + 12)
}

export function decodeSimpleReply(
  bytes: Buffer,
  at: number,
): { error: number; cookieHigh: number; cookieLow: number } {
  if (at < 0 || at + nbdSimpleReplyBytes > bytes.length || bytes.readUInt32BE(at) !== simpleReplyMagic) {
    throw new WaltError('nbd-protocol', 'The NBD server sent something that is no reply.')
  }
  return {
    error: bytes.readUInt32BE(at + 4),
    cookieHigh: bytes.readUInt32BE(at + 8),
    cookieLow: bytes.readUInt32BE(at + 12),
  }
}

/** What an export can do, as far as a request's validity depends on it: `holes` for TRIM, WRITE_ZEROES and CACHE. */
export type NbdAbilities = { sizeBytes: number; holes: boolean }

/**
 * The one check of a request; what follows trusts it. Answers the error to reply with, 0 when it is sound.
 * Proto.md: a write beyond the end is ENOSPC, other ranges and unknown flags are EINVAL; FUA is valid with every command.
 */
export function checkRequest(request: NbdRequest, abilities: NbdAbilities): number {
  const { command, offset, length } = request
  const flags = request.flags & ~nbdCommandFlag.fua
  const inside = length > 0 && offset + length <= abilities.sizeBytes
  if (command === nbdCommand.read) {
    return flags === 0 && inside && length <= limits.nbdPayloadMaxBytes ? nbdError.none : nbdError.invalid
  }
  if (command === nbdCommand.write) {
    if (flags !== 0 || length === 0 || length > limits.nbdPayloadMaxBytes) return nbdError.invalid
    return inside ? nbdError.none : nbdError.noSpace
  }
  if (command === nbdCommand.flush) {
    return flags === 0 && offset === 0 && length === 0 ? nbdError.none : nbdError.invalid
  }
  if ((command === nbdCommand.trim || command === nbdCommand.cache) && abilities.holes) {
    return flags === 0 && inside ? nbdError.none : nbdError.invalid
  }
  if (command === nbdCommand.writeZeroes && abilities.holes) {
    if (flags & ~nbdCommandFlag.noHole || length === 0) return nbdError.invalid
    return inside ? nbdError.none : nbdError.noSpace
  }
  return nbdError.invalid
}
