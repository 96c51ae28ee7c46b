import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WaltError } from './errors.ts'
import { limits } from './limits.ts'
import {
  checkRequest,
  decodeRequest,
  decodeSimpleReply,
  encodeRequest,
  encodeSimpleReply,
  type NbdRequest,
  nbdCommand,
  nbdCommandFlag,
  nbdError,
  nbdRequestBytes,
  nbdSimpleReplyBytes,
} from './nbd-transmission.ts'

const sizeBytes = 1024 ** 2
const abilities = { sizeBytes, holes: true }
const request = (given: Partial<NbdRequest>): NbdRequest => ({
  command: nbdCommand.read,
  flags: 0,
  cookieHigh: 1,
  cookieLow: 2,
  offset: 0,
  length: 4096,
  ...given,
})
const anyRequest = fc.record({
  command: fc.oneof(fc.nat(8), fc.nat(65_535)),
  flags: fc.oneof(fc.nat(31), fc.nat(65_535)),
  cookieHigh: fc.nat(0xffff_ffff),
  cookieLow: fc.nat(0xffff_ffff),
  offset: fc.oneof(fc.nat(2 * sizeBytes), fc.maxSafeNat()),
  length: fc.oneof(fc.nat(2 * sizeBytes), fc.nat(0xffff_ffff)),
})

describe('requests and replies', () => {
  it('are read back as they were written, anywhere in a chunk', () => {
    fc.assert(
      fc.property(anyRequest, fc.nat(64), fc.nat(0xffff_ffff), (given, before, error) => {
        const chunk = Buffer.concat([Buffer.alloc(before, 0x25), encodeRequest(given)])
        expect(decodeRequest(chunk, before)).toEqual(given)
        const reply = Buffer.alloc(before + nbdSimpleReplyBytes)
        encodeSimpleReply(reply, before, given, error)
        const { cookieHigh, cookieLow } = given
        expect(decodeSimpleReply(reply, before)).toEqual({ error, cookieHigh, cookieLow })
      }),
    )
  })

  it('are refused with WaltError when they are anything else or cut short', () => {
    const cut = encodeRequest(request({})).subarray(0, nbdRequestBytes - 1)
    expect(() => decodeRequest(cut, 0)).toThrow(WaltError)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: -8, max: 48 }), (bytes, at) => {
        expect(() => decodeRequest(Buffer.from(bytes), at)).toThrow(WaltError)
        expect(() => decodeSimpleReply(Buffer.from(bytes), at)).toThrow(WaltError)
      }),
    )
  })

  it('have offsets beyond 2^53 read as beyond every export', () => {
    const bytes = encodeRequest(request({})).fill(0xff, 16, 24)
    const read = decodeRequest(bytes, 0)
    expect(read.offset).toBe(Number.POSITIVE_INFINITY)
    expect(checkRequest(read, abilities)).toBe(nbdError.invalid)
  })
})

describe('the check of a request', () => {
  const check = (given: Partial<NbdRequest>) => checkRequest(request(given), abilities)

  it('takes what lies inside the export, to its last byte', () => {
    for (const command of [nbdCommand.read, nbdCommand.write, nbdCommand.trim, nbdCommand.writeZeroes])
      expect(check({ command, offset: sizeBytes - 1, length: 1 })).toBe(nbdError.none)
    expect(check({ command: nbdCommand.flush, length: 0 })).toBe(nbdError.none)
  })

  it('answers a write beyond the end with ENOSPC and other ranges with EINVAL, as proto.md says', () => {
    const beyond = { offset: sizeBytes - 1, length: 2 }
    expect(check({ command: nbdCommand.write, ...beyond })).toBe(nbdError.noSpace)
    expect(check({ command: nbdCommand.writeZeroes, ...beyond })).toBe(nbdError.noSpace)
    expect(check({ command: nbdCommand.read, ...beyond })).toBe(nbdError.invalid)
    expect(check({ command: nbdCommand.trim, ...beyond })).toBe(nbdError.invalid)
    expect(check({ command: nbdCommand.read, length: 0 })).toBe(nbdError.invalid)
  })

  it('takes FUA with every command, other flags only where they belong', () => {
    for (const command of [nbdCommand.read, nbdCommand.write, nbdCommand.trim, nbdCommand.writeZeroes])
      expect(check({ command, flags: nbdCommandFlag.fua })).toBe(nbdError.none)
    expect(check({ command: nbdCommand.writeZeroes, flags: nbdCommandFlag.noHole })).toBe(nbdError.none)
    expect(check({ command: nbdCommand.write, flags: nbdCommandFlag.noHole })).toBe(nbdError.invalid)
    expect(check({ command: nbdCommand.writeZeroes, flags: nbdCommandFlag.fastZero })).toBe(nbdError.invalid)
    expect(check({ command: nbdCommand.read, flags: nbdCommandFlag.df })).toBe(nbdError.invalid)
  })

  it('refuses payloads over the limit, unknown commands, and holes where they cannot be had', () => {
    const large = { sizeBytes: 1024 ** 4, holes: false }
    const tooLong = limits.nbdPayloadMaxBytes + 1
    for (const command of [nbdCommand.read, nbdCommand.write])
      expect(checkRequest(request({ command, length: tooLong }), large)).toBe(nbdError.invalid)
    for (const command of [
      nbdCommand.trim,
      nbdCommand.writeZeroes,
      nbdCommand.cache,
      nbdCommand.blockStatus,
      99,
    ])
      expect(checkRequest(request({ command }), large)).toBe(nbdError.invalid)
  })

  it('lets nothing through that reaches outside', () => {
    fc.assert(
      fc.property(anyRequest, (given) => {
        if (checkRequest(given, abilities) !== nbdError.none || given.command === nbdCommand.flush) return
        expect(given.length).toBeGreaterThan(0)
        expect(given.offset + given.length).toBeLessThanOrEqual(sizeBytes)
      }),
    )
  })
})
