import { limits } from '@walt/shared/limits'
import type { NodeLines } from '@walt/shared/payloads'
import { beforeEach, expect, test } from 'vitest'
import { createLogQueue, type LogQueue } from './log-queue.ts'

let queue: LogQueue
let sent: NodeLines[]
let connected: boolean
let accepted: boolean

beforeEach(() => {
  ;[sent, connected, accepted] = [[], true, true]
  queue = createLogQueue({
    nowMs: () => 1,
    connected: () => connected,
    async publish(lines) {
      if (accepted) sent.push(lines)
      return accepted
    },
  })
})
const messages = () => sent.flatMap(({ stream, lines }) => lines.map((line) => `${stream} ${line.message}`))

test('lines go in order, in batches of one stream', async () => {
  for (const [stream, message] of ['a 1', 'a 2', 'b 3', 'a 4'].map((line) => line.split(' ')))
    queue.add(stream ?? '', message ?? '')
  await queue.flush()
  expect(messages()).toEqual(['a 1', 'a 2', 'b 3', 'a 4'])
  expect(sent).toHaveLength(3)
})

test('they wait for the server, and for its acknowledgement', async () => {
  connected = false
  queue.add('a', '1')
  await queue.flush()
  ;[connected, accepted] = [true, false]
  queue.add('a', '2')
  await queue.flush()
  expect(sent).toEqual([])
  accepted = true
  await queue.flush()
  expect(messages()).toEqual(['a 1', 'a 2'])
})

test('the oldest go when too many wait, and are counted for their stream', async () => {
  connected = false
  queue.add('first', 'x')
  for (let count = 0; count < limits.agentLogLinesMax + 9; count++) queue.add('a', `${count}`)
  connected = true
  await queue.flush()
  expect(sent.reduce((sum, { lines }) => sum + lines.length, 0)).toBe(limits.agentLogLinesMax)
  expect(sent[0]).toMatchObject({ stream: 'a', dropped: 9 })
  expect(sent.every(({ lines }) => lines.length <= limits.logLinesBatchMax)).toBe(true)
  expect(sent.slice(1).every(({ dropped }) => dropped === undefined)).toBe(true)
})

test('long lines wait within a bound of bytes', async () => {
  connected = false
  const long = 'x'.repeat(limits.logMessageMaxChars)
  for (let count = 0; count < 1000; count++) queue.add('a', long)
  connected = true
  await queue.flush()
  const bytes = sent.flatMap(({ lines }) => lines).length * long.length
  expect(bytes).toBeLessThanOrEqual(limits.agentLogMaxBytes)
  expect(bytes).toBeGreaterThan(limits.agentLogMaxBytes / 2)
  for (const lines of sent)
    expect(Buffer.byteLength(JSON.stringify(lines))).toBeLessThan(limits.mqttPayloadMaxBytes)
})
