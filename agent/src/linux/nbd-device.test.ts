import {
  encodeExportInfo,
  encodeGreeting,
  encodeOptionReply,
  nbdFlag,
  nbdOption,
  nbdReply,
} from '@walt/shared/nbd'
import { describe, expect, it } from 'vitest'
import { createFakeKernel } from './fake-kernel.ts'
import type { Kernel } from './kernel.ts'
import { attachNbd, detachNbd, encodeNbdReconfigure } from './nbd-device.ts'
import { encodeGenericMessage, u32 } from './netlink.ts'

const peer = { address: '192.168.152.1', port: 10_809, exportName: 'swap-16G' }
const flags = nbdFlag.hasFlags | nbdFlag.sendFlush
const familyAnswer = encodeGenericMessage({
  family: 0x10,
  command: 1,
  version: 2,
  attributes: [{ type: 1, value: Uint8Array.from([0x22, 0]) }],
})
const connectAnswer = encodeGenericMessage({
  family: 0x22,
  command: 1,
  version: 1,
  attributes: [{ type: 1, value: u32(0) }],
})

function errorAnswer(errno: number): Uint8Array {
  const bytes = Buffer.alloc(36)
  bytes.writeUInt32LE(36, 0)
  bytes.writeUInt16LE(2, 4)
  bytes.writeInt32LE(-errno, 16)
  return bytes
}

/** A server that says `speech` in pieces of `pieceBytes`, and a kernel that answers netlink in turn. */
function world(options: { speech: Uint8Array; pieceBytes?: number; answers: Uint8Array[] }) {
  const sent: Uint8Array[] = []
  const closed: number[] = []
  let rest = options.speech
  const answers = [...options.answers]
  const kernel: Kernel = createFakeKernel({
    connectTcp: () => 7,
    send: ({ bytes }) => void sent.push(bytes),
    receive: ({ maxBytes }) => {
      const part = rest.subarray(0, Math.min(maxBytes, options.pieceBytes ?? maxBytes))
      rest = rest.subarray(part.length)
      return part
    },
    closeDescriptor: (fd) => void closed.push(fd),
    genericNetlink: ({ message }) => {
      sent.push(message)
      return answers.shift() ?? errorAnswer(22)
    },
  })
  return { kernel, sent, closed }
}

const accepted = Buffer.concat([
  encodeGreeting(),
  encodeOptionReply(nbdOption.go, nbdReply.info, encodeExportInfo({ sizeBytes: 2 ** 34, flags })),
  encodeOptionReply(nbdOption.go, nbdReply.ack),
])

describe('attaching an NBD export', () => {
  it('hands the connected socket to the driver and closes its own descriptor', () => {
    const { kernel, sent, closed } = world({ speech: accepted, answers: [familyAnswer, connectAnswer] })
    expect(attachNbd(kernel, peer, 1000)).toMatchObject({ sizeBytes: 2 ** 34, flags })
    expect(Buffer.from(sent.at(-1)!).readUInt16LE(4)).toBe(0x22)
    expect(closed).toEqual([7])
  })

  it('takes the answers of the server byte by byte', () => {
    const { kernel } = world({ speech: accepted, pieceBytes: 1, answers: [familyAnswer, connectAnswer] })
    expect(attachNbd(kernel, peer, 1000).sizeBytes).toBe(2 ** 34)
  })

  it('says that the driver is missing before it bothers the server', () => {
    const kernel = createFakeKernel({ genericNetlink: () => errorAnswer(2) })
    expect(() => attachNbd(kernel, peer, 1000)).toThrow('module nbd is not loaded')
  })

  it('says what the server refused', () => {
    const refusal = encodeOptionReply(nbdOption.go, nbdReply.errUnknown, Buffer.from('no such export'))
    const speech = Buffer.concat([encodeGreeting(), refusal])
    const { kernel, closed } = world({ speech, answers: [familyAnswer] })
    expect(() => attachNbd(kernel, peer, 1000)).toThrow('no such export')
    expect(closed).toEqual([7])
  })

  it('says that the server hung up', () => {
    const { kernel } = world({ speech: accepted.subarray(0, 30), answers: [familyAnswer] })
    expect(() => attachNbd(kernel, peer, 1000)).toThrow(
      'NBD handshake with 192.168.152.1 port 10809: the server closed the connection',
    )
  })

  it('says why the driver does not take the socket', () => {
    const { kernel } = world({ speech: accepted, answers: [familyAnswer, errorAnswer(16)] })
    expect(() => attachNbd(kernel, peer, 1000)).toThrow('attach swap-16G to /dev/nbd0')
  })
})

describe('offering the driver another connection', () => {
  it('names device and descriptor, and asks for an acknowledgement', () => {
    const bytes = Buffer.from(encodeNbdReconfigure({ family: 0x22, fd: 9 }))
    const acknowledge = 4
    expect(bytes.readUInt16LE(6) & acknowledge).toBe(acknowledge)
    expect(bytes.readUInt8(16)).toBe(3)
    expect(bytes.readUInt32LE(bytes.length - 4)).toBe(9)
  })
})

describe('detaching an NBD export', () => {
  const kernelThatAnswers = (answer: Uint8Array) =>
    createFakeKernel({ genericNetlink: () => familyAnswer, genericNetlinkWithin: async () => answer })

  it('ends with the acknowledgement of the driver', async () => {
    await detachNbd(kernelThatAnswers(errorAnswer(0)), 1000)
  })

  it('says why the driver does not let go', async () => {
    await expect(detachNbd(kernelThatAnswers(errorAnswer(22)), 1000)).rejects.toThrow('detach /dev/nbd0')
  })
})
