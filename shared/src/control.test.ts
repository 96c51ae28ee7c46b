import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { controlReplies, createLineReader, parseControlReply, parseControlRequest } from './control.ts'
import { limits } from './limits.ts'

describe('a request', () => {
  it('is one of WalT’s words, whatever blanks are around it', () => {
    expect(parseControlRequest('MODE single')).toEqual({ kind: 'mode', mode: 'single' })
    expect(parseControlRequest(' MODE \t multi \r')).toEqual({ kind: 'mode', mode: 'multi' })
    expect(parseControlRequest('BLINK 1')).toEqual({ kind: 'blink', on: true })
    expect(parseControlRequest('REBOOT\r')).toEqual({ kind: 'reboot' })
    expect(parseControlRequest('  ')).toEqual({ kind: 'blank' })
  })

  it('is unknown otherwise, and never by accident a property of an object', () => {
    for (const line of [
      'reboot',
      'REBOOT now',
      'MODE',
      'MODE both',
      'BLINK',
      'BLINK 2',
      'toString',
      '__proto__',
    ])
      expect(parseControlRequest(line)).toEqual({ kind: 'unknown' })
    fc.assert(
      fc.property(fc.string(), (line) => {
        if (!/[A-Z]/.test(line)) expect(['blank', 'unknown']).toContain(parseControlRequest(line).kind)
      }),
    )
  })
})

describe('a reply', () => {
  it('is OK, or a reason for the user', () => {
    expect(parseControlReply('OK')).toEqual({ ok: true })
    expect(parseControlReply(`${controlReplies.closing}\n`)).toEqual({ ok: true })
    expect(parseControlReply(controlReplies.notExecutable('/bin/walt-network-reboot'))).toEqual({
      ok: false,
      reason: '/bin/walt-network-reboot is not executable on image',
    })
    expect(parseControlReply('KO')).toEqual({ ok: false, reason: 'KO' })
    expect(parseControlReply('')).toEqual({ ok: false, reason: 'the node gave an empty answer' })
    expect(parseControlReply('OKAY').ok).toBe(false)
  })
})

describe('the line reader', () => {
  const linesOf = (chunks: readonly Uint8Array[]) => {
    const reader = createLineReader()
    return {
      lines: chunks.flatMap((chunk) => reader.push(chunk)),
      rest: Buffer.from(reader.rest()).toString('latin1'),
    }
  }

  it('gives whole lines, and keeps the rest for what comes next', () => {
    expect(linesOf([Buffer.from('MODE single\nREB'), Buffer.from('OOT\nls -'), Buffer.from('l')])).toEqual({
      lines: ['MODE single', 'REBOOT'],
      rest: 'ls -l',
    })
  })

  it('gives the same lines however the stream is cut', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'B', ' ', '\n', '\r', '\xff'), maxLength: 60 })
    fc.assert(
      fc.property(text, fc.array(fc.nat(60), { maxLength: 6 }), (stream, cuts) => {
        const bytes = Buffer.from(stream, 'latin1')
        const at = [
          0,
          ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b),
          bytes.length,
        ]
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end))
        const lines = stream.split('\n')
        expect(linesOf(chunks)).toEqual({ lines: lines.slice(0, -1), rest: lines.at(-1) })
      }),
    )
  })

  it('keeps no more than a line’s limit, and loses nothing of a longer one', () => {
    const max = limits.controlLineMaxBytes
    fc.assert(
      fc.property(fc.array(fc.nat(3 * max), { maxLength: 4 }), fc.boolean(), (lengths, newline) => {
        const stream = lengths.map((length) => 'x'.repeat(length)).join(newline ? '\n' : '')
        const reader = createLineReader()
        const lines = reader.push(Buffer.from(stream))
        expect(Math.max(0, ...lines.map((line) => line.length))).toBeLessThanOrEqual(max)
        expect(reader.rest().length).toBeLessThanOrEqual(max)
        const rest = Buffer.from(reader.rest()).toString()
        expect(lines.join('') + rest).toBe(stream.replaceAll('\n', ''))
      }),
      { numRuns: 30 },
    )
  })

  it('is not disturbed when the chunk that it read is used again', () => {
    const reader = createLineReader()
    const chunk = Buffer.from('PI')
    reader.push(chunk)
    chunk.fill(0)
    expect(reader.push(Buffer.from('NG\n'))).toEqual(['PING'])
  })
})
