/**
 * Generic netlink messages. Pure: values in, bytes out, and back. Numbers are in the machine's order, which is
 * little-endian on x64 and arm64. Source: include/uapi/linux/netlink.h and genetlink.h.
 */
import { WaltError } from '@walt/shared/errors'

export type NetlinkAttribute = { type: number; value: Uint8Array | NetlinkAttribute[] }
export type GenericMessage = {
  family: number
  command: number
  version: number
  attributes: NetlinkAttribute[]
  /** For a command that does not answer by a message of its own when it succeeds: then by an error 0. */
  acknowledge?: boolean
}
export type NetlinkAnswer =
  | { kind: 'error'; errno: number }
  | { kind: 'message'; command: number; attributes: Map<number, Uint8Array> }

/** The controller, which knows the number of every family by its name. */
const controlFamily = 0x10
const getFamilyCommand = 3
const familyIdAttribute = 1
const familyNameAttribute = 2

const requestFlag = 1
const acknowledgeFlag = 4
const errorType = 2
const nestedFlag = 0x8000
const headerBytes = 16
const genericHeaderBytes = 4
const attributeHeaderBytes = 4

const aligned = (length: number) => (length + 3) & ~3

export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.from([value]).buffer)
}

export function u64(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.from([value]).buffer)
}

function encodeAttributes(attributes: NetlinkAttribute[]): Buffer {
  return Buffer.concat(
    attributes.map(({ type, value }) => {
      const nested = Array.isArray(value)
      const data = nested ? encodeAttributes(value) : value
      const bytes = Buffer.alloc(aligned(attributeHeaderBytes + data.length))
      bytes.writeUInt16LE(attributeHeaderBytes + data.length, 0)
      bytes.writeUInt16LE(nested ? type | nestedFlag : type, 2)
      bytes.set(data, attributeHeaderBytes)
      return bytes
    }),
  )
}

/** What succeeds answers with a message of its own or, if asked to, an acknowledgement; what fails with an error. */
export function encodeGenericMessage(message: GenericMessage): Uint8Array {
  const attributes = encodeAttributes(message.attributes)
  const header = Buffer.alloc(headerBytes + genericHeaderBytes)
  header.writeUInt32LE(header.length + attributes.length, 0)
  header.writeUInt16LE(message.family, 4)
  header.writeUInt16LE(message.acknowledge ? requestFlag | acknowledgeFlag : requestFlag, 6)
  header.writeUInt8(message.command, headerBytes)
  header.writeUInt8(message.version, headerBytes + 1)
  return Buffer.concat([header, attributes])
}

function malformed(what: string): WaltError {
  return new WaltError('netlink-answer-malformed', `The kernel's netlink answer makes no sense: ${what}.`)
}

function decodeAttributes(bytes: Buffer): Map<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>()
  for (let at = 0; at + attributeHeaderBytes <= bytes.length; ) {
    const length = bytes.readUInt16LE(at)
    if (length < attributeHeaderBytes || at + length > bytes.length) {
      throw malformed(`an attribute of ${length} bytes`)
    }
    const type = bytes.readUInt16LE(at + 2) & ~nestedFlag
    attributes.set(type, bytes.subarray(at + attributeHeaderBytes, at + length))
    at += aligned(length)
  }
  return attributes
}

/** @throws WaltError `netlink-answer-malformed` */
export function decodeAnswer(datagram: Uint8Array): NetlinkAnswer {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length)
  if (bytes.length < headerBytes + genericHeaderBytes) throw malformed(`only ${bytes.length} bytes`)
  const length = bytes.readUInt32LE(0)
  if (length < headerBytes + genericHeaderBytes || length > bytes.length)
    throw malformed(`a length of ${length}`)
  if (bytes.readUInt16LE(4) === errorType) return { kind: 'error', errno: -bytes.readInt32LE(headerBytes) }
  return {
    kind: 'message',
    command: bytes.readUInt8(headerBytes),
    attributes: decodeAttributes(bytes.subarray(headerBytes + genericHeaderBytes, length)),
  }
}

export function encodeFamilyQuestion(name: string): Uint8Array {
  return encodeGenericMessage({
    family: controlFamily,
    command: getFamilyCommand,
    version: 1,
    attributes: [{ type: familyNameAttribute, value: Buffer.from(`${name}\0`) }],
  })
}

/** The family's number, or undefined when the kernel has no such family. */
export function familyOf(answer: NetlinkAnswer): number | undefined {
  if (answer.kind === 'error') return undefined
  const id = answer.attributes.get(familyIdAttribute)
  if (id === undefined || id.length < 2) throw malformed('a family without its number')
  return Buffer.from(id).readUInt16LE(0)
}
