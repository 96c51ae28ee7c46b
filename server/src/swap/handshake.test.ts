import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import {
  clientHandshake,
  encodeClientFlags,
  encodeExportRequest,
  encodeOption,
  type NbdExport,
  nbdOption,
  nbdOptionReplyHeaderBytes,
} from '@walt/shared/nbd'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Exports, type HandshakeEnd, serverHandshake } from './handshake.ts'

const swap: NbdExport = {
  sizeBytes: 1024 ** 3,
  flags: 0x0d,
  blockSizes: { minimumBytes: 1, preferredBytes: 4096, maximumBytes: limits.nbdPayloadMaxBytes },
}

/** One export, `swap-1G`, and a record of what was opened. */
function oneExport(): Exports & { opened: string[] } {
  const opened: string[] = []
  const describeExport = (name: string) => {
    if (name === 'swap-9G') throw new WaltError('swap-size-mismatch', 'it is 1G already')
    if (name === 'broken') throw new Error('the disk is gone')
    if (name !== 'swap-1G') throw new WaltError('swap-export-unknown', 'no such export')
    return swap
  }
  return {
    opened,
    describe: describeExport,
    open(name) {
      const found = describeExport(name)
      opened.push(name)
      return found
    },
    list: () => ['swap-1G'],
  }
}

/** Hands a client's bytes to the server; answers all that it sent, and its end if it came to one. */
function serve(client: Uint8Array, exports: Exports): { sent: Buffer; end: HandshakeEnd | undefined } {
  const server = serverHandshake(exports)
  const sent: Uint8Array[] = []
  let at = 0
  let step = server.next()
  while (!step.done) {
    sent.push(step.value.send)
    const end = at + step.value.readBytes
    if (end > client.length) return { sent: Buffer.concat(sent), end: undefined }
    step = server.next(client.subarray(at, end))
    at = end
  }
  sent.push(step.value.send)
  return { sent: Buffer.concat(sent), end: step.value }
}

/** Types of the option replies after the greeting. */
function replyTypes(sent: Buffer): number[] {
  const types: number[] = []
  for (let at = 18; at < sent.length; at += nbdOptionReplyHeaderBytes + sent.readUInt32BE(at + 16))
    types.push(sent.readUInt32BE(at + 12))
  return types
}

const flags = encodeClientFlags({ noZeroes: true })
const option = (kind: number, data: Uint8Array = new Uint8Array(0)) => encodeOption(kind, data)
const ask = (kind: number, name: string) => option(kind, encodeExportRequest(name, []))

describe('the server handshake', () => {
  it('is understood by our own client', () => {
    const client = clientHandshake('swap-1G')
    const server = serverHandshake(oneExport())
    let toClient: Buffer = Buffer.alloc(0)
    let toServer: Buffer = Buffer.alloc(0)
    let [clientStep, serverStep] = [client.next(), server.next()]
    toClient = Buffer.concat([toClient, serverStep.value.send])
    while (!clientStep.done) {
      const wanted = clientStep.value
      if (toClient.length >= wanted.readBytes) {
        const bytes = toClient.subarray(0, wanted.readBytes)
        toClient = toClient.subarray(wanted.readBytes)
        clientStep = client.next(bytes)
        if (!clientStep.done) toServer = Buffer.concat([toServer, clientStep.value.send])
        continue
      }
      if (serverStep.done || toServer.length < serverStep.value.readBytes) throw new Error('both wait')
      const bytes = toServer.subarray(0, serverStep.value.readBytes)
      toServer = toServer.subarray(serverStep.value.readBytes)
      serverStep = server.next(bytes)
      toClient = Buffer.concat([toClient, serverStep.value.send])
    }
    expect(clientStep.value).toEqual(swap)
    expect(serverStep.done && serverStep.value.outcome).toBe('transmission')
  })

  it('refuses structured replies, TLS and unknown options politely, then goes on', () => {
    const exports = oneExport()
    const client = Buffer.concat([
      flags,
      option(nbdOption.structuredReply),
      option(nbdOption.startTls),
      option(nbdOption.startTls, new Uint8Array(1)),
      option(4711, new Uint8Array(100)),
      ask(nbdOption.go, 'swap-1G'),
    ])
    const { sent, end } = serve(client, exports)
    expect(replyTypes(sent)).toEqual([0x8000_0001, 0x8000_0001, 0x8000_0003, 0x8000_0001, 3, 3, 1])
    expect(sent.toString('latin1')).toContain('This server has no TLS.')
    expect(end?.outcome).toBe('transmission')
  })

  it('names the reason of a refusal by its reply type, and lets the client try another export', () => {
    const client = Buffer.concat([
      flags,
      ask(nbdOption.go, 'nope'),
      ask(nbdOption.go, 'swap-9G'),
      ask(nbdOption.go, 'broken'),
      option(nbdOption.go, new Uint8Array([0, 0, 0, 99])),
      option(nbdOption.list, new Uint8Array(1)),
      ask(nbdOption.go, 'swap-1G'),
    ])
    const { sent, end } = serve(client, oneExport())
    const refusals = [0x8000_0006, 0x8000_0002, 0x8000_0004, 0x8000_0003, 0x8000_0003]
    expect(replyTypes(sent)).toEqual([...refusals, 3, 3, 1])
    expect(end?.outcome).toBe('transmission')
  })

  it('describes an export for NBD_OPT_INFO without opening it, and lists', () => {
    const exports = oneExport()
    const client = Buffer.concat([
      flags,
      ask(nbdOption.info, 'swap-1G'),
      option(nbdOption.list),
      option(nbdOption.abort),
    ])
    const { sent, end } = serve(client, exports)
    expect(replyTypes(sent)).toEqual([3, 3, 1, 2, 1, 1])
    expect(sent.toString('latin1')).toContain('swap-1G')
    expect([end?.outcome, exports.opened]).toEqual(['ended', []])
  })

  it('answers NBD_OPT_EXPORT_NAME with 124 zeroes only to a client that wants them', () => {
    for (const [noZeroes, length] of [
      [true, 10],
      [false, 134],
    ] as const) {
      const client = Buffer.concat([
        encodeClientFlags({ noZeroes }),
        option(nbdOption.exportName, new TextEncoder().encode('swap-1G')),
      ])
      const { sent, end } = serve(client, oneExport())
      expect(sent.length - 18).toBe(length)
      expect(end?.outcome).toBe('transmission')
    }
    const wrong = Buffer.concat([flags, option(nbdOption.exportName, new TextEncoder().encode('nope'))])
    expect(() => serve(wrong, oneExport())).toThrow('no such export')
  })

  it('drops unknown client flags, and a client that never chooses', () => {
    expect(() => serve(new Uint8Array([0, 0, 0, 4]), oneExport())).toThrow(WaltError)
    const endless = Array.from({ length: limits.nbdHandshakeOptionsMax }, () => option(nbdOption.list))
    expect(() => serve(Buffer.concat([flags, ...endless]), oneExport())).toThrow('chose no export')
  })

  it('throws nothing but WaltError and reads no more than an option, whatever comes', () => {
    const noise = fc.uint8Array({ maxLength: 48 })
    const piece = fc.oneof(
      noise,
      fc.tuple(fc.oneof(fc.nat(12), fc.nat()), noise).map(([kind, data]) => option(kind, data)),
      fc
        .tuple(fc.constantFrom(nbdOption.go, nbdOption.info), fc.constantFrom('swap-1G', 'nope', ''))
        .map(([kind, name]) => ask(kind, name)),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.boolean(), (pieces, greeted) => {
        try {
          serve(Buffer.concat([greeted ? flags : Buffer.alloc(0), ...pieces]), oneExport())
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(WaltError)
        }
      }),
    )
  })
})
