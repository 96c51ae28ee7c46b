import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WaltError } from './errors.ts'
import { limits } from './limits.ts'
import {
  clientHandshake,
  decodeClientFlags,
  decodeExportRequest,
  decodeGreeting,
  decodeInfo,
  decodeOptionHeader,
  decodeOptionReplyHeader,
  encodeBlockSizeInfo,
  encodeClientFlags,
  encodeExportInfo,
  encodeExportRequest,
  encodeGreeting,
  encodeOption,
  encodeOptionReply,
  type NbdExport,
  nbdOption,
  nbdReply,
  parseSwapExportName,
  reattachExportName,
  swapExportName,
  swapGoneMessage,
} from './nbd.ts'

/** Plays a server's bytes to the client; answers what it found, or undefined when it wants more than there is. */
function play(server: Uint8Array): NbdExport | undefined {
  const client = clientHandshake('swap-16G')
  let at = 0
  let step = client.next()
  while (!step.done) {
    const end = at + step.value.readBytes
    if (end > server.length) return undefined
    step = client.next(server.subarray(at, end))
    at = end
  }
  return step.value
}

const reply = (type: number, data?: Uint8Array) => encodeOptionReply(nbdOption.go, type, data)
const sixteenGiB = 16 * 1024 ** 3

describe('the name of a swap export', () => {
  it('says its size in whole gibibytes, or in mebibytes', () => {
    expect(swapExportName(sixteenGiB)).toBe('swap-16G')
    expect(swapExportName(512 * 1024 ** 2)).toBe('swap-512M')
    expect(swapExportName(limits.swapSizeMaxBytes)).toBe('swap-1024G')
    expect(swapExportName(1024 ** 2 + 1)).toBe('swap-1M')
  })

  it('is read back as the same size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1024 ** 2 }), (mebibytes) => {
        const sizeBytes = mebibytes * 1024 ** 2
        expect(parseSwapExportName(swapExportName(sizeBytes))).toEqual({ sizeBytes, reattach: false })
        expect(parseSwapExportName(reattachExportName(sizeBytes))).toEqual({ sizeBytes, reattach: true })
      }),
    )
  })

  it('is none of these', () => {
    for (const name of [
      '',
      'swap',
      'swap-0G',
      'swap-16',
      'swap-16K',
      'swap-1025G',
      'swap-01G',
      ' swap-1G',
      'swap-1G\n',
    ])
      expect(parseSwapExportName(name)).toBeUndefined()
    expect(() => swapExportName(0)).toThrow(WaltError)
    expect(() => swapExportName(Number.NaN)).toThrow(WaltError)
    expect(() => swapExportName(limits.swapSizeMaxBytes + 1)).toThrow(WaltError)
  })
})

describe('the client handshake', () => {
  it('learns size, flags and block sizes by NBD_OPT_GO', () => {
    const blockSizes = { minimumBytes: 1, preferredBytes: 4096, maximumBytes: limits.nbdPayloadMaxBytes }
    const server = Buffer.concat([
      encodeGreeting(),
      reply(nbdReply.info, encodeExportInfo({ sizeBytes: sixteenGiB, flags: 0x6d })),
      reply(nbdReply.info, encodeBlockSizeInfo(blockSizes)),
      reply(nbdReply.ack),
    ])
    expect(play(server)).toEqual({ sizeBytes: sixteenGiB, flags: 0x6d, blockSizes })
  })

  it('ignores information that it does not know', () => {
    const server = Buffer.concat([
      encodeGreeting(),
      reply(nbdReply.info, new Uint8Array([0, 77, 1, 2, 3])),
      reply(nbdReply.info, encodeExportInfo({ sizeBytes: 4096, flags: 1 })),
      reply(nbdReply.ack),
    ])
    expect(play(server)).toEqual({ sizeBytes: 4096, flags: 1 })
  })

  it('gives the reason of a refusal to the user, without control characters', () => {
    const server = Buffer.concat([
      encodeGreeting(),
      reply(nbdReply.errPolicy, new TextEncoder().encode('not yours\x1b[2J')),
    ])
    expect(() => play(server)).toThrow('refuses export "swap-16G" (errPolicy: not yours [2J)')
  })

  it('tells a swap that is gone from any other refusal', () => {
    const said = (type: number, text: string) => {
      try {
        play(Buffer.concat([encodeGreeting(), reply(type, new TextEncoder().encode(text))]))
      } catch (thrown) {
        return thrown instanceof WaltError ? thrown.code : thrown
      }
    }
    expect(said(nbdReply.errUnknown, `${swapGoneMessage} Its boot is over.`)).toBe('swap-gone')
    expect(said(nbdReply.errPolicy, swapGoneMessage)).toBe('nbd-refused')
    expect(said(nbdReply.errUnknown, 'No export is named so.')).toBe('nbd-refused')
  })

  it('does not go on with a server that never comes to the point, or accepts without a size', () => {
    const talk = Array.from({ length: limits.nbdHandshakeRepliesMax }, () =>
      reply(nbdReply.info, new Uint8Array([0, 77])),
    )
    expect(() => play(Buffer.concat([encodeGreeting(), ...talk]))).toThrow('more than')
    expect(() => play(Buffer.concat([encodeGreeting(), reply(nbdReply.ack)]))).toThrow('without its size')
  })

  it('refuses an old style server, another protocol, and a size that no number holds', () => {
    const oldStyle = encodeGreeting()
    oldStyle[8] = 0
    expect(() => play(oldStyle)).toThrow('old style')
    expect(() => play(new TextEncoder().encode('SSH-2.0-OpenSSH_9.2p1\r\n'))).toThrow('NBDMAGIC')
    const huge = encodeExportInfo({ sizeBytes: 0, flags: 1 }).fill(0xff, 2, 10)
    expect(() => play(Buffer.concat([encodeGreeting(), reply(nbdReply.info, huge)]))).toThrow('a size of')
  })

  it('throws nothing but WaltError, whatever comes, and never asks for more than an option holds', () => {
    const noise = fc.uint8Array({ maxLength: 64 })
    const piece = fc.oneof(
      noise,
      fc.tuple(fc.constantFrom(1, 2, 3, 0x8000_0001, 77), noise).map(([type, data]) => reply(type, data)),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.boolean(), (pieces, greeted) => {
        const server = Buffer.concat([greeted ? encodeGreeting() : Buffer.alloc(0), ...pieces])
        const client = clientHandshake('swap-1G')
        let at = 0
        try {
          let step = client.next()
          while (!step.done) {
            expect(step.value.readBytes).toBeGreaterThan(0)
            expect(step.value.readBytes).toBeLessThanOrEqual(limits.nbdOptionMaxBytes)
            const end = at + step.value.readBytes
            if (end > server.length) return
            step = client.next(server.subarray(at, end))
            at = end
          }
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(WaltError)
        }
      }),
    )
  })
})

describe('handshake messages', () => {
  it('are read back as they were written', () => {
    expect(decodeGreeting(encodeGreeting())).toEqual({ noZeroes: true })
    expect(decodeClientFlags(encodeClientFlags({ noZeroes: false }))).toEqual({
      fixedNewstyle: true,
      noZeroes: false,
    })
    fc.assert(
      fc.property(
        fc.string({ maxLength: 200 }),
        fc.array(fc.nat(65_535), { maxLength: 8 }),
        (name, infos) => {
          const data = encodeExportRequest(name, infos)
          expect(decodeOptionHeader(encodeOption(nbdOption.info, data))).toEqual({
            option: nbdOption.info,
            length: data.length,
          })
          expect(decodeExportRequest(data)).toEqual({ name: Buffer.from(name).toString(), infos })
        },
      ),
    )
  })

  it('are refused with WaltError when they are anything else', () => {
    const decoders = [
      decodeGreeting,
      decodeClientFlags,
      decodeOptionHeader,
      decodeOptionReplyHeader,
      decodeExportRequest,
      decodeInfo,
    ]
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(...decoders), (bytes, decode) => {
        // A view into a larger buffer: what lies beside it must not be read.
        const surrounded = Buffer.concat([Buffer.alloc(32, 0xff), bytes, Buffer.alloc(64, 0xff)])
        const view = surrounded.subarray(32, 32 + bytes.length)
        const outcome = (input: Uint8Array) => {
          try {
            return JSON.stringify(decode(input))
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(WaltError)
            return 'refused'
          }
        }
        expect(outcome(view)).toBe(outcome(bytes))
      }),
    )
  })

  it('may not be longer than an option', () => {
    const header = encodeOption(nbdOption.go, new Uint8Array(0))
    new DataView(header.buffer).setUint32(12, limits.nbdOptionMaxBytes + 1)
    expect(() => decodeOptionHeader(header)).toThrow(WaltError)
  })
})
