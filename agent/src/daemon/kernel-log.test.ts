import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatKernelLogRecord, kernelLogTail } from './kernel-log.ts'

describe('kernel log', () => {
  it.each([
    [
      '6,339,5140900,-;NET: Registered protocol family 10\n',
      '[    5.140900] NET: Registered protocol family 10\n',
    ],
    [
      '30,340,98,-,caller=T1;systemd[1]: hello\n SUBSYSTEM=acpi\n DEVICE=+acpi\n',
      '[    0.000098] systemd[1]: hello\n',
    ],
    ['4,1,123456789012,c;;;', '[123456.789012] ;;\n'],
    ['nonsense', ''],
  ])('formats %j as dmesg does', (record, line) => {
    expect(formatKernelLogRecord(record)).toBe(line)
  })

  it('keeps the newest whole lines that fit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 40 })),
        fc.integer({ min: 1, max: 200 }),
        (lines, max) => {
          const parts = lines.map((line) => `${line.replaceAll('\n', '')}\n`)
          const tail = kernelLogTail(max, parts)
          expect(Buffer.byteLength(tail)).toBeLessThanOrEqual(max)
          expect(parts.join('').endsWith(tail)).toBe(true)
        },
      ),
    )
  })
})
