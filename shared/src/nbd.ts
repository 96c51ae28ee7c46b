/**
 * The NBD handshake, fixed newstyle, both sides. Pure: bytes in, values out. Numbers are big-endian.
 * Source: the NBD project's doc/proto.md, "Newstyle negotiation"; the transmission phase is in nbd-transmission.ts.
 */
import { WaltError } from './errors.ts'
import { limits } from './limits.ts'

export const nbdPort = 10_809

export const nbdOption = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
} as const

export const nbdReply = {
  ack: 1,
  server: 2,
  info: 3,
  errUnsupported: 0x8000_0001,
  errPolicy: 0x8000_0002,
  errInvalid: 0x8000_0003,
  errPlatform: 0x8000_0004,
  errTlsRequired: 0x8000_0005,
  errUnknown: 0x8000_0006,
  errShutdown: 0x8000_0007,
  errBlockSizeRequired: 0x8000_0008,
  errTooBig: 0x8000_0009,
} as const

export const nbdInfo = { export: 0, name: 1, description: 2, blockSize: 3 } as const

/** Transmission flags: what an export can do. */
export const nbdFlag = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  sendFlush: 1 << 2,
  sendFua: 1 << 3,
  rotational: 1 << 4,
  sendTrim: 1 << 5,
  sendWriteZeroes: 1 << 6,
  sendDf: 1 << 7,
  canMultiConn: 1 << 8,
  sendCache: 1 << 10,
} as const

export const nbdHandshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const

export const nbdGreetingBytes = 18
export const nbdClientFlagsBytes = 4
export const nbdOptionHeaderBytes = 16
export const nbdOptionReplyHeaderBytes = 20

export type NbdBlockSizes = { minimumBytes: number; preferredBytes: number; maximumBytes: number }
export type NbdExport = {
  sizeBytes: number
  /** `nbdFlag` values, or-ed. */
  flags: number
  blockSizes?: NbdBlockSizes
}

/** One turn of a handshake: send these bytes (there may be none), then read exactly so many (above 0) and hand them in. */
export type NbdHandshakeStep = { send: Uint8Array; readBytes: number }

const greetingMagic = 0x4e42444d41474943n // "NBDMAGIC"
const optionMagic = 0x49484156454f5054n // "IHAVEOPT"
const optionReplyMagic = 0x3e889045565a9n
const nothing = new Uint8Array(0)

function wrong(what: string): WaltError {
  return new WaltError('nbd-protocol', `The NBD peer does not speak the protocol: ${what}.`)
}

function view(bytes: Uint8Array, length: number, what: string): DataView {
  if (bytes.length < length) throw wrong(`${what} of ${bytes.length} bytes, where ${length} are needed`)
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** A 64-bit number as a JavaScript number: nothing of ours is beyond 2^53. */
function size64(data: DataView, at: number): number {
  const value = data.getBigUint64(at)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw wrong(`a size of ${value} bytes`)
  return Number(value)
}

/** The name of a swap export, `swap-16G` or `swap-512M`: whole mebibytes, rounded down. */
export function swapExportName(bytes: number): string {
  const mebibytes = Math.floor(bytes / 1024 ** 2)
  if (!(bytes >= limits.swapSizeMinBytes && bytes <= limits.swapSizeMaxBytes)) {
    throw new WaltError('swap-size-invalid', `${bytes} bytes of swap cannot be had: it is from 1M to 1T.`)
  }
  return mebibytes % 1024 === 0 ? `swap-${mebibytes / 1024}G` : `swap-${mebibytes}M`
}

const reattachPrefix = 'reattach-'

/**
 * What a client asks for that had this swap before, and lost its connection: it gets the same bytes, or NBD_REP_ERR_UNKNOWN
 * with `swapGoneMessage` where they are gone (code `swap-gone` of `clientHandshake`), but never a blank swap.
 */
export function reattachExportName(bytes: number): string {
  return `${reattachPrefix}${swapExportName(bytes)}`
}

/** First words of the refusal that says so for certain; a server that does not know yet refuses in other words. */
export const swapGoneMessage = 'The swap of this boot is gone.'

/** What a swap export's name says, or undefined for any other name. */
export function parseSwapExportName(name: string): { sizeBytes: number; reattach: boolean } | undefined {
  const match = /^(reattach-)?swap-([1-9][0-9]{0,6})([GM])$/.exec(name)
  if (!match) return undefined
  const sizeBytes = Number(match[2]) * (match[3] === 'G' ? 1024 ** 3 : 1024 ** 2)
  const possible = sizeBytes >= limits.swapSizeMinBytes && sizeBytes <= limits.swapSizeMaxBytes
  return possible ? { sizeBytes, reattach: match[1] === reattachPrefix } : undefined
}

// The server's first words.

export function encodeGreeting(): Uint8Array {
  const data = new DataView(new ArrayBuffer(nbdGreetingBytes))
  data.setBigUint64(0, greetingMagic)
  data.setBigUint64(8, optionMagic)
  data.setUint16(16, nbdHandshakeFlag.fixedNewstyle | nbdHandshakeFlag.noZeroes)
  return new Uint8Array(data.buffer)
}

export function decodeGreeting(bytes: Uint8Array): { noZeroes: boolean } {
  const data = view(bytes, nbdGreetingBytes, 'a greeting')
  if (data.getBigUint64(0) !== greetingMagic) throw wrong('its first bytes are not NBDMAGIC')
  if (data.getBigUint64(8) !== optionMagic) throw wrong('it offers the old style handshake only')
  const flags = data.getUint16(16)
  if (!(flags & nbdHandshakeFlag.fixedNewstyle)) throw wrong('it lacks the fixed newstyle handshake')
  return { noZeroes: (flags & nbdHandshakeFlag.noZeroes) !== 0 }
}

export function encodeClientFlags(flags: { noZeroes: boolean }): Uint8Array {
  const bytes = new Uint8Array(nbdClientFlagsBytes)
  bytes[3] = nbdHandshakeFlag.fixedNewstyle | (flags.noZeroes ? nbdHandshakeFlag.noZeroes : 0)
  return bytes
}

/** A client that sets a flag which the server did not offer must be dropped (proto.md, "Client flags"). */
export function decodeClientFlags(bytes: Uint8Array): { fixedNewstyle: boolean; noZeroes: boolean } {
  const flags = view(bytes, nbdClientFlagsBytes, 'client flags').getUint32(0)
  if (flags > 3) throw wrong(`unknown client flags 0x${flags.toString(16)}`)
  return {
    fixedNewstyle: (flags & nbdHandshakeFlag.fixedNewstyle) !== 0,
    noZeroes: (flags & nbdHandshakeFlag.noZeroes) !== 0,
  }
}

// Options of the client.

export function encodeOption(option: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(nbdOptionHeaderBytes + data.length)
  const header = new DataView(bytes.buffer)
  header.setBigUint64(0, optionMagic)
  header.setUint32(8, option)
  header.setUint32(12, data.length)
  bytes.set(data, nbdOptionHeaderBytes)
  return bytes
}

export function decodeOptionHeader(bytes: Uint8Array): { option: number; length: number } {
  const data = view(bytes, nbdOptionHeaderBytes, 'an option')
  if (data.getBigUint64(0) !== optionMagic) throw wrong('an option without IHAVEOPT')
  const length = data.getUint32(12)
  if (length > limits.nbdOptionMaxBytes) throw wrong(`an option of ${length} bytes`)
  return { option: data.getUint32(8), length }
}

/** The data of NBD_OPT_GO and NBD_OPT_INFO: an export, and what to know of it besides its size. */
export function encodeExportRequest(name: string, infos: readonly number[]): Uint8Array {
  const nameBytes = new TextEncoder().encode(name)
  const bytes = new Uint8Array(4 + nameBytes.length + 2 + 2 * infos.length)
  const data = new DataView(bytes.buffer)
  data.setUint32(0, nameBytes.length)
  bytes.set(nameBytes, 4)
  data.setUint16(4 + nameBytes.length, infos.length)
  infos.forEach((info, index) => {
    data.setUint16(6 + nameBytes.length + 2 * index, info)
  })
  return bytes
}

export function decodeExportRequest(bytes: Uint8Array): { name: string; infos: number[] } {
  const data = view(bytes, 6, 'an export request')
  const nameLength = data.getUint32(0)
  if (nameLength > limits.nbdExportNameMaxBytes || nameLength > bytes.length - 6) {
    throw wrong(`an export name of ${nameLength} bytes in an option of ${bytes.length}`)
  }
  const count = data.getUint16(4 + nameLength)
  if (bytes.length !== 6 + nameLength + 2 * count) throw wrong(`${count} information requests do not fit`)
  const infos = Array.from({ length: count }, (_, index) => data.getUint16(6 + nameLength + 2 * index))
  return { name: decodeName(bytes.subarray(4, 4 + nameLength)), infos }
}

export function decodeName(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

// Replies of the server.

export function encodeOptionReply(option: number, type: number, data: Uint8Array = nothing): Uint8Array {
  const bytes = new Uint8Array(nbdOptionReplyHeaderBytes + data.length)
  const header = new DataView(bytes.buffer)
  header.setBigUint64(0, optionReplyMagic)
  header.setUint32(8, option)
  header.setUint32(12, type)
  header.setUint32(16, data.length)
  bytes.set(data, nbdOptionReplyHeaderBytes)
  return bytes
}

export function decodeOptionReplyHeader(bytes: Uint8Array): { option: number; type: number; length: number } {
  const data = view(bytes, nbdOptionReplyHeaderBytes, 'an option reply')
  if (data.getBigUint64(0) !== optionReplyMagic) throw wrong('an option reply without its magic number')
  const length = data.getUint32(16)
  if (length > limits.nbdOptionMaxBytes) throw wrong(`an option reply of ${length} bytes`)
  return { option: data.getUint32(8), type: data.getUint32(12), length }
}

export function encodeExportInfo(given: NbdExport): Uint8Array {
  const data = new DataView(new ArrayBuffer(12))
  data.setUint16(0, nbdInfo.export)
  data.setBigUint64(2, BigInt(given.sizeBytes))
  data.setUint16(10, given.flags)
  return new Uint8Array(data.buffer)
}

export function encodeBlockSizeInfo(sizes: NbdBlockSizes): Uint8Array {
  const data = new DataView(new ArrayBuffer(14))
  data.setUint16(0, nbdInfo.blockSize)
  data.setUint32(2, sizes.minimumBytes)
  data.setUint32(6, sizes.preferredBytes)
  data.setUint32(10, sizes.maximumBytes)
  return new Uint8Array(data.buffer)
}

/** One export of NBD_OPT_LIST. */
export function encodeServerInfo(name: string): Uint8Array {
  const nameBytes = new TextEncoder().encode(name)
  const bytes = new Uint8Array(4 + nameBytes.length)
  new DataView(bytes.buffer).setUint32(0, nameBytes.length)
  bytes.set(nameBytes, 4)
  return bytes
}

/** What one NBD_REP_INFO adds to what is known of an export; unknown information is ignored, as proto.md asks. */
export function decodeInfo(bytes: Uint8Array): Partial<NbdExport> {
  const kind = view(bytes, 2, 'information').getUint16(0)
  if (kind === nbdInfo.export) {
    const data = view(bytes, 12, 'export information')
    return { sizeBytes: size64(data, 2), flags: data.getUint16(10) }
  }
  if (kind === nbdInfo.blockSize) {
    const data = view(bytes, 14, 'block size information')
    const [minimumBytes, preferredBytes, maximumBytes] = [2, 6, 10].map((at) => data.getUint32(at))
    return {
      blockSizes: {
        minimumBytes: minimumBytes!,
        preferredBytes: preferredBytes!,
        maximumBytes: maximumBytes!,
      },
    }
  }
  return {}
}

/** The answer to NBD_OPT_EXPORT_NAME, which has no header. */
export function encodeExportNameReply(given: NbdExport, noZeroes: boolean): Uint8Array {
  const bytes = new Uint8Array(noZeroes ? 10 : 134)
  const data = new DataView(bytes.buffer)
  data.setBigUint64(0, BigInt(given.sizeBytes))
  data.setUint16(8, given.flags)
  return bytes
}

/**
 * The client's whole handshake (NBD_OPT_GO), with no socket in it: drive it with `next()`, then `next(bytes)`.
 * @throws WaltError `nbd-protocol`, `nbd-refused`, `swap-gone`
 */
export function* clientHandshake(exportName: string): Generator<NbdHandshakeStep, NbdExport, Uint8Array> {
  const { noZeroes } = decodeGreeting(yield { send: nothing, readBytes: nbdGreetingBytes })
  const go = encodeOption(nbdOption.go, encodeExportRequest(exportName, [nbdInfo.blockSize]))
  let send = new Uint8Array([...encodeClientFlags({ noZeroes }), ...go])
  let found: Partial<NbdExport> = {}
  for (let replies = 0; replies < limits.nbdHandshakeRepliesMax; replies += 1) {
    const reply = decodeOptionReplyHeader(yield { send, readBytes: nbdOptionReplyHeaderBytes })
    send = nothing as Uint8Array<ArrayBuffer>
    const data = reply.length > 0 ? yield { send, readBytes: reply.length } : nothing
    if (reply.option !== nbdOption.go) throw wrong(`a reply to option ${reply.option}, which nobody asked`)
    if (reply.type >= 0x8000_0000) throw refused(exportName, reply.type, data)
    if (reply.type === nbdReply.info) found = { ...found, ...decodeInfo(data) }
    if (reply.type !== nbdReply.ack) continue
    const { sizeBytes, flags } = found
    if (sizeBytes === undefined || flags === undefined) throw wrong('it accepts an export without its size')
    return { ...found, sizeBytes, flags }
  }
  throw wrong(`more than ${limits.nbdHandshakeRepliesMax} replies to one option`)
}

function refused(exportName: string, type: number, data: Uint8Array): WaltError {
  const names: [string, number][] = Object.entries(nbdReply)
  const name = names.find(([, value]) => value === type)?.[0] ?? `error 0x${type.toString(16)}`
  const said = decodeName(data.subarray(0, limits.nbdExportNameMaxBytes))
    .replace(/[^\x20-\x7e]/g, ' ')
    .trim()
  return new WaltError(
    type === nbdReply.errUnknown && said.startsWith(swapGoneMessage) ? 'swap-gone' : 'nbd-refused',
    `The NBD server refuses export "${exportName}" (${name}${said ? `: ${said}` : ''}).`,
  )
}
