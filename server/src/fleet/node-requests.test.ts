import { limits } from '@walt/shared/limits'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createNodeRequests } from './node-requests.ts'

const bootId = '0123456789abcdef'
const none = { count: 0, bytes: 0, largest: [] }
const changes = { changed: none, system: none, complete: true }
let sent: { topic: string; payload: unknown }[]
let ids: number

beforeEach(() => {
  vi.useFakeTimers()
  sent = []
  ids = 0
})
afterEach(() => {
  vi.useRealTimers()
})

const requests = () =>
  createNodeRequests({
    publish: (topic, payload) => sent.push({ topic, payload: JSON.parse(payload) }),
    currentBootId: (node) => (node === 'n2' ? undefined : bootId),
    userSpace: (node) => (node === 'n3' ? 2 : 0),
    now: () => 1_000,
    randomId: () => `id${++ids}`,
  })

test('a command goes to the present boot, and only its own reply answers it', async () => {
  const { changesOf, receive } = requests()
  const answer = changesOf('n1')
  expect(sent).toEqual([
    {
      topic: 'walt/v1/nodes/n1/command/id1',
      payload: { command: 'changes', bootId, deadline: 1_000 + limits.nodeReplyMs },
    },
  ])
  receive('n2', 'id1', { ok: false })
  receive('n1', 'id2', { ok: false })
  receive('n1', 'id1', { ok: true, changes })
  expect(await answer).toEqual(changes)
  receive('n1', 'id1', { ok: false })
})

test('a node that is silent, refuses, or never booted is an error that says so', async () => {
  const { changesOf, receive } = requests()
  await expect(changesOf('n2')).rejects.toMatchObject({ code: 'node-silent' })
  const silent = expect(changesOf('n1')).rejects.toThrow('n1: no answer by MQTT within 15 s')
  await vi.advanceTimersByTimeAsync(limits.nodeReplyMs)
  await silent
  const refused = expect(changesOf('n1')).rejects.toThrow('n1: the command came late')
  receive('n1', 'id2', { ok: false, message: 'the command came late' })
  await refused
})

test('a command to a later user space of its boot names it', async () => {
  const { restartUserSpace, receive } = requests()
  const answer = restartUserSpace('n3', 'ann')
  expect(sent[0]?.payload).toMatchObject({
    command: 'userspace-reboot',
    bootId,
    userSpace: 2,
    requestedBy: 'ann',
  })
  receive('n3', 'id1', { ok: false, code: 'refused', message: 'hybrid mode' })
  expect(await answer).toMatchObject({ ok: false, message: 'hybrid mode' })
})
