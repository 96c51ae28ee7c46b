import { nodeTopicKinds, nodeTopics } from '@walt/shared/mqtt-topics'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mayBeRetained, mayPublish, maySubscribe, type Principal } from './access.ts'

const vnode1: Principal = { kind: 'node', name: 'vnode1', bootId: '0'.repeat(16) }
const operator: Principal = { kind: 'operator' }
const topics = nodeTopics('vnode1')

const part = fc.oneof(
  fc.constantFrom('walt', 'v1', 'nodes', 'sets', 'vnode1', 'vnode2', '+', '#', '', '$SYS', ...nodeTopicKinds),
  fc.string({ maxLength: 4 }),
)
const anyTopic = fc.array(part, { maxLength: 7 }).map((parts) => parts.join('/'))

describe('access', () => {
  test('a node has its own topics', () => {
    for (const topic of [topics.state, topics.boot, topics.inventory])
      expect(mayPublish(vnode1, topic, true)).toBe(true)
    for (const topic of [topics.telemetry, topics.log, topics.reply('1')]) {
      expect(mayPublish(vnode1, topic, false)).toBe(true)
      expect(mayPublish(vnode1, topic, true)).toBe(false)
    }
    expect(maySubscribe(vnode1, topics.commands)).toBe(true)
    expect(maySubscribe(vnode1, topics.state)).toBe(false)
  })

  test('no topic whatever lets a node out of its own', () => {
    fc.assert(
      fc.property(anyTopic, fc.boolean(), (topic, retain) => {
        const own = topic.startsWith('walt/v1/nodes/vnode1/')
        if (mayPublish(vnode1, topic, retain)) expect(own).toBe(true)
        if (maySubscribe(vnode1, topic)) expect(own).toBe(true)
        if (maySubscribe(operator, topic)) expect(topic.startsWith('walt/v1/')).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })

  test('an operator commands nodes and node sets, and speaks for none', () => {
    expect(mayPublish(operator, topics.command('1'), false)).toBe(true)
    expect(mayPublish(operator, 'walt/v1/sets/vnode[1-3],image:debian12/reboot', false)).toBe(true)
    expect(mayPublish(operator, 'walt/v1/sets/all-nodes/reboot', true)).toBe(false)
    expect(mayPublish(operator, topics.state, false)).toBe(false)
    expect(maySubscribe(operator, 'walt/v1/#')).toBe(true)
    expect(maySubscribe(operator, '#')).toBe(false)
  })

  test('are never retained of commands, and may be of all else', () => {
    for (const filter of [
      'walt/v1/nodes/n1/command/+',
      'walt/v1/nodes/+/command/#',
      'walt/v1/nodes/n1/command/7',
    ])
      expect(mayBeRetained(filter), filter).toBe(false)
    for (const filter of ['walt/v1/#', 'walt/v1/nodes/+/state', 'walt/v1/nodes/#', 'walt/v1/nodes/+/+', '#'])
      expect(mayBeRetained(filter), filter).toBe(true)
  })
})
