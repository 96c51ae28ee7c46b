import { WaltError } from '@walt/shared/errors'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeNbdConnect } from './nbd-device.ts'
import { decodeAnswer, encodeFamilyQuestion, encodeGenericMessage, familyOf, u32 } from './netlink.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('netlink', () => {
  it('asks the controller for a family as the kernel documents it', () => {
    expect(hex(encodeFamilyQuestion('nbd'))).toBe(
      // length 28, type 0x10, flags REQUEST, sequence and port 0; command 3, version 1; attribute 2: "nbd\0"
      '1c000000100001000000000000000000' + '03010000' + '08000200' + '6e626400',
    )
  })

  it('nests the socket list of NBD_CMD_CONNECT and pads every attribute', () => {
    const message = encodeNbdConnect({ family: 0x22, fd: 5, given: { sizeBytes: 2 ** 34, flags: 0x65 } })
    expect(Buffer.from(message).readUInt32LE(0)).toBe(message.length)
    // sockets (7, nested): one item (1, nested): descriptor (1) 5
    expect(hex(message).slice(-32)).toBe('10000780' + '0c000180' + '08000100' + '05000000')
    expect(hex(message)).toContain('0c0002000000000004000000')
  })

  it('reads back the attributes that it wrote', () => {
    const message = encodeGenericMessage({
      family: 0x10,
      command: 1,
      version: 2,
      attributes: [
        { type: 1, value: Uint8Array.from([0x21, 0]) },
        { type: 9, value: u32(7) },
      ],
    })
    const answer = decodeAnswer(message)
    expect(familyOf(answer)).toBe(0x21)
    expect(answer).toMatchObject({ kind: 'message', command: 1 })
  })

  it('takes the error of an answer, and a family that does not exist is no error', () => {
    const bytes = Buffer.alloc(36)
    bytes.writeUInt32LE(36, 0)
    bytes.writeUInt16LE(2, 4)
    bytes.writeInt32LE(-2, 16)
    expect(decodeAnswer(bytes)).toEqual({ kind: 'error', errno: 2 })
    expect(familyOf(decodeAnswer(bytes))).toBeUndefined()
  })

  it('refuses garbage with its own error and reads nothing past the end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, honest) => {
        if (honest && bytes.length >= 4) Buffer.from(bytes.buffer).writeUInt32LE(bytes.length, 0)
        try {
          familyOf(decodeAnswer(bytes))
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(WaltError)
        }
      }),
    )
  })
})
