import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createPacketLimit } from './packet-limit.ts'

const bounds = { maxBytes: 1000, maxPerSecond: 50 }
const never = () => 0

function packet(length: number): Uint8Array {
  const header = [0x30]
  let rest = length
  do {
    header.push((rest % 128) + (rest >= 128 ? 128 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return Buffer.concat([Uint8Array.from(header), new Uint8Array(length).fill(0xff)])
}

function inPieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let at = 0
  for (const size of sizes) {
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return [...pieces, bytes.subarray(at)]
}

describe('the packet limit', () => {
  test('lets packets pass however they are cut, and refuses the first one over the limit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(bounds.maxBytes), { maxLength: 20 }),
        fc.array(fc.nat(300), { maxLength: 20 }),
        (lengths, sizes) => {
          const look = createPacketLimit(bounds, never)
          for (const piece of inPieces(Buffer.concat(lengths.map(packet)), sizes)) look(piece)
          expect(() => look(packet(bounds.maxBytes + 1).subarray(0, 3))).toThrow(/over the limit of 1000/)
        },
      ),
    )
  })

  test('refuses a length of more than four bytes', () => {
    expect(() => createPacketLimit(bounds, never)(Uint8Array.of(0x10, 255, 255, 255, 255, 1))).toThrow(
      /malformed/,
    )
  })

  test('bounds the packets of a second, and starts anew in the next', () => {
    let now = 0
    const look = createPacketLimit(bounds, () => now)
    for (let count = 0; count < 50; count++) look(packet(2))
    expect(() => look(packet(2))).toThrow(/more than 50 packets/)
    now = 1000
    look(packet(2))
  })
})
