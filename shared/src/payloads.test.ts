import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WaltError } from './errors.ts'
import { limits } from './limits.ts'
import {
  command,
  inventory,
  nodeLog,
  nodeState,
  parsePayload,
  reply,
  setReboot,
  telemetry,
} from './payloads.ts'

const schemas = { nodeState, telemetry, inventory, nodeLog, command, reply, setReboot }
const bootId = '0123456789abcdef'

describe('a payload', () => {
  it('is read from bytes or text, without what it has too much', () => {
    const text = JSON.stringify({ state: 'booted', bootId, since: 1, extra: true })
    const expected = { state: 'booted', bootId, since: 1 }
    expect(parsePayload(nodeState, text)).toEqual(expected)
    expect(parsePayload(nodeState, Buffer.from(text))).toEqual(expected)
  })

  it('that is wrong says where and why', () => {
    expect(() => parsePayload(nodeState, 'not JSON')).toThrow('not JSON')
    expect(() =>
      parsePayload(command, JSON.stringify({ command: 'ping', bootId: 'x', deadline: 1 })),
    ).toThrow('bootId: ')
    expect(() => parsePayload(command, JSON.stringify({ command: 'format', bootId, deadline: 1 }))).toThrow(
      'command: ',
    )
    expect(() => parsePayload(reply, 'null')).toThrow('the payload: ')
  })

  it('is bounded in bytes, not in characters', () => {
    const long = JSON.stringify({ ok: true, output: 'é'.repeat(limits.mqttPayloadMaxBytes / 2) })
    expect(long.length).toBeLessThan(limits.mqttPayloadMaxBytes)
    expect(() => parsePayload(reply, long)).toThrow('over the limit')
    expect(() => parsePayload(reply, Buffer.alloc(limits.mqttPayloadMaxBytes + 1))).toThrow('over the limit')
  })

  it('has no number that JSON cannot write', () => {
    expect(() => parsePayload(nodeState, '{"state":"down","since":1e999}')).toThrow('since: ')
  })

  it('throws nothing but WaltError, whatever comes, and can be written and read again', () => {
    const field = fc.constantFrom(
      'state',
      'bootId',
      'since',
      'at',
      'level',
      'message',
      'ok',
      'command',
      'deadline',
      '__proto__',
    )
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>('booted', bootId, 'info', 'reboot', 1, true, Number.POSITIVE_INFINITY),
    )
    const text = fc.oneof(
      fc.string(),
      fc.dictionary(field, value).map((object) => JSON.stringify(object)),
    )
    fc.assert(
      fc.property(text, fc.constantFrom(...Object.values(schemas)), (payload, schema) => {
        try {
          const parsed = parsePayload(schema, payload)
          expect(parsePayload(schema, JSON.stringify(parsed))).toEqual(parsed)
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(WaltError)
        }
      }),
    )
  })
})
