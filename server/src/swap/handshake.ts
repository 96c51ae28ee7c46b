/**
 * The server's side of the NBD handshake, with no socket in it: driven with `next()`, then `next(bytes)`, as the
 * client's (shared/src/nbd.ts). Source: doc/proto.md, "Option types".
 */
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import {
  decodeClientFlags,
  decodeExportRequest,
  decodeName,
  decodeOptionHeader,
  encodeBlockSizeInfo,
  encodeExportInfo,
  encodeExportNameReply,
  encodeGreeting,
  encodeOptionReply,
  encodeServerInfo,
  type NbdExport,
  type NbdHandshakeStep,
  nbdClientFlagsBytes,
  nbdOption,
  nbdOptionHeaderBytes,
  nbdReply,
} from '@walt/shared/nbd'

export type Exports = {
  /** What the client may know of an export; nothing is created. @throws WaltError `swap-export-*` */
  describe: (name: string) => NbdExport
  /** The same for a client that goes on to use it: from here on it exists. */
  open: (name: string) => NbdExport
  /** Names for NBD_OPT_LIST. */
  list: () => string[]
}

/** What is still to be sent, and whether the transmission phase follows. */
export type HandshakeEnd = { send: Uint8Array; outcome: 'transmission' | 'ended' }

const nothing = new Uint8Array(0)
const ended = (send: Uint8Array = nothing): HandshakeEnd => ({ send, outcome: 'ended' })

/** @throws WaltError `nbd-protocol`, and for NBD_OPT_EXPORT_NAME, which has no error reply, what `exports` throws */
export function* serverHandshake(exports: Exports): Generator<NbdHandshakeStep, HandshakeEnd, Uint8Array> {
  const clientFlags = decodeClientFlags(yield { send: encodeGreeting(), readBytes: nbdClientFlagsBytes })
  let send: Uint8Array = nothing
  for (let options = 0; options < limits.nbdHandshakeOptionsMax; options += 1) {
    const { option, length } = decodeOptionHeader(yield { send, readBytes: nbdOptionHeaderBytes })
    const data = length > 0 ? yield { send: nothing, readBytes: length } : nothing
    if (option === nbdOption.exportName) {
      return {
        send: encodeExportNameReply(exports.open(decodeName(data)), clientFlags.noZeroes),
        outcome: 'transmission',
      }
    }
    if (!clientFlags.fixedNewstyle) return ended()
    if (option === nbdOption.abort) return ended(encodeOptionReply(option, nbdReply.ack))
    if (option === nbdOption.go || option === nbdOption.info) {
      const answer = answerExportRequest(option, data, exports)
      if (answer.accepted && option === nbdOption.go) return { send: answer.send, outcome: 'transmission' }
      send = answer.send
    } else if (option === nbdOption.list) {
      send = answerList(data, exports)
    } else {
      send = answerOther(option, data)
    }
  }
  throw new WaltError(
    'nbd-protocol',
    `The NBD client sent ${limits.nbdHandshakeOptionsMax} options and chose no export.`,
  )
}

/** libnbd and QEMU ask for structured replies and TLS first, and go on without them. */
function answerOther(option: number, data: Uint8Array): Uint8Array {
  // Proto.md, NBD_OPT_STARTTLS: with data it is an error, whether there is TLS or not.
  if (option === nbdOption.startTls && data.length > 0)
    return encodeOptionReply(option, nbdReply.errInvalid, text('STARTTLS has no data.'))
  const why = option === nbdOption.startTls ? 'This server has no TLS.' : 'This server has no such option.'
  return encodeOptionReply(option, nbdReply.errUnsupported, text(why))
}

const text = (words: string) => new TextEncoder().encode(words)

function answerList(data: Uint8Array, exports: Exports): Uint8Array {
  if (data.length > 0) return encodeOptionReply(nbdOption.list, nbdReply.errInvalid)
  const servers = exports
    .list()
    .map((name) => encodeOptionReply(nbdOption.list, nbdReply.server, encodeServerInfo(name)))
  return Buffer.concat([...servers, encodeOptionReply(nbdOption.list, nbdReply.ack)])
}

function answerExportRequest(
  option: number,
  data: Uint8Array,
  exports: Exports,
): { accepted: boolean; send: Uint8Array } {
  try {
    const { name } = decodeExportRequest(data)
    const found = option === nbdOption.go ? exports.open(name) : exports.describe(name)
    const infos = [
      encodeExportInfo(found),
      ...(found.blockSizes ? [encodeBlockSizeInfo(found.blockSizes)] : []),
    ]
    const replies = infos.map((info) => encodeOptionReply(option, nbdReply.info, info))
    return { accepted: true, send: Buffer.concat([...replies, encodeOptionReply(option, nbdReply.ack)]) }
  } catch (thrown) {
    return { accepted: false, send: encodeOptionReply(option, refusalOf(thrown), text(reasonOf(thrown))) }
  }
}

function refusalOf(thrown: unknown): number {
  const code = thrown instanceof WaltError ? thrown.code : ''
  if (code === 'nbd-protocol') return nbdReply.errInvalid
  if (code === 'swap-export-unknown' || code === 'swap-gone') return nbdReply.errUnknown
  if (code === 'swap-export-refused' || code === 'swap-size-mismatch') return nbdReply.errPolicy
  return nbdReply.errPlatform
}
