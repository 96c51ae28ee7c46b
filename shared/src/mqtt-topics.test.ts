import fc from 'fast-check'
import { expect, it } from 'vitest'
import { nodeTopicKinds, nodeTopics, parseNodeTopic, parseSetRebootTopic, setTopics } from './mqtt-topics.ts'

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/)

it('topics are taken apart as they were built', () => {
  fc.assert(
    fc.property(name, fc.stringMatching(/^[0-9a-f-]{1,16}$/), (node, id) => {
      const topics = nodeTopics(node)
      for (const kind of ['state', 'boot', 'inventory', 'telemetry', 'log'] as const)
        expect(parseNodeTopic(topics[kind])).toEqual({ node, kind })
      for (const kind of ['command', 'reply'] as const)
        expect(parseNodeTopic(topics[kind](id))).toEqual({ node, kind, id })
      expect(parseSetRebootTopic(setTopics(node).reboot)).toBe(node)
    }),
  )
})

it('no filter and no other topic is one of a node', () => {
  const others = [
    nodeTopics('vnode1').commands,
    'walt/v1/nodes/+/state',
    'walt/v1/nodes/vnode1/#',
    'walt/v1/nodes/vnode1',
    'walt/v1/nodes//state',
    'walt/v1/nodes/vnode1/command',
    'walt/v1/nodes/vnode1/command/',
    'walt/v1/nodes/vnode1/state/1',
    'walt/v1/nodes/vnode1/command/1/2',
    'walt/v2/nodes/vnode1/state',
    '/walt/v1/nodes/vnode1/state',
    'walt/v1/nodes/vnode1/constructor',
    'walt/v1/sets/all-nodes/reboot',
  ]
  for (const topic of others) expect(parseNodeTopic(topic)).toBeUndefined()
  for (const topic of [
    'walt/v1/sets//reboot',
    'walt/v1/sets/a/b/reboot',
    'walt/v1/sets/a/rebooted',
    '$SYS/a',
  ])
    expect(parseSetRebootTopic(topic)).toBeUndefined()
})

it('what is taken for a topic of a node reads as that node’s only, whatever the text', () => {
  const part = fc.constantFrom('walt', 'v1', 'nodes', 'vnode1', ...nodeTopicKinds, '+', '#', '', '1')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const topic = parts.join('/')
      const parsed = parseNodeTopic(topic)
      if (parsed) expect(topic.startsWith(`walt/v1/nodes/${parsed.node}/${parsed.kind}`)).toBe(true)
    }),
  )
})
