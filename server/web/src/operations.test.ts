import { expect, test } from 'vitest'
import type { NodeView } from '../../src/http/api-schema.ts'
import { countSteps, isOver, newOperation, withAnswers, withFailure, withNews } from './operations.ts'

const view = (name: string, state: NodeView['state'], bootId?: string, cause?: string): NodeView => ({
  name,
  state,
  mac: '',
  model: '',
  virtual: true,
  address: '',
  image: 'debian12',
  createdAt: 0,
  settings: { given: {}, effective: {} },
  since: 0,
  bootTries: 0,
  ...(bootId ? { bootId } : {}),
  ...(cause ? { cause } : {}),
})
const news = (one: NodeView) => [{ node: one.name, at: 0, view: one }]
const stepOf = (operation: ReturnType<typeof newOperation>, name = 'a') => operation.nodes.get(name)

test('a reboot is done when the node is booted by another boot', () => {
  let one = newOperation(1, 'reboot', 'Reboot a', [view('a', 'booted', 'b1')], 0)
  one = withAnswers(one, [{ node: 'a', ok: true, method: 'soft', message: 'a: rebooted OK.' }], 1)
  expect(stepOf(one)).toMatchObject({ step: 'acknowledged', message: 'a: rebooted OK.' })
  one = withNews(one, news(view('a', 'booted', 'b1')), 2)
  expect(stepOf(one)?.step).toBe('acknowledged')
  one = withNews(one, news(view('a', 'rebooting', 'b1', 'asked by walt')), 3)
  one = withNews(one, news(view('a', 'booting', 'b2')), 4)
  expect(stepOf(one)?.step).toBe('booting')
  expect(isOver(one)).toBe(false)
  one = withNews(one, news(view('a', 'booted', 'b2')), 5)
  expect(stepOf(one)).toMatchObject({ step: 'done', endedAt: 5 })
  expect(isOver(one)).toBe(true)
})

test('news that come before the answer stand', () => {
  let one = newOperation(1, 'boot', 'Boot', [view('a', 'booted', 'b1')], 0)
  one = withNews(one, news(view('a', 'rebooting', 'b1')), 1)
  one = withAnswers(one, [{ node: 'a', ok: true, method: 'soft', message: 'a: rebooted OK.' }], 2)
  expect(stepOf(one)?.step).toBe('going-down')
})

test('refusals, lost nodes, removed nodes and an answer that never comes are failures', () => {
  const nodes = ['a', 'b', 'c', 'd', 'e'].map((name) => view(name, 'booted', 'b1'))
  let one = newOperation(1, 'hard-reboot', 'Reboot', nodes, 0)
  one = withAnswers(one, [{ node: 'a', ok: false, message: 'a: failed' }], 1)
  one = withNews(one, news(view('b', 'lost', 'b1', 'not booted within 60 s')), 2)
  one = withNews(one, [{ node: 'c', at: 0 }], 2)
  one = withFailure(one, ['c', 'd'], 'no answer', 3)
  one = withAnswers(one, [{ node: 'e', ok: true, message: 'e: nothing would change.' }], 3)
  expect(['a', 'b', 'c', 'd', 'e'].map((name) => stepOf(one, name)?.step)).toEqual([
    'failed',
    'failed',
    'failed',
    'failed',
    'not-needed',
  ])
  expect(countSteps(one)).toEqual({ total: 5, ended: 5, failed: 4 })
})

test('waiting is over at once for nodes that are booted', () => {
  let one = newOperation(1, 'wait', 'Wait', [view('a', 'booted', 'b1'), view('b', 'booting', 'b2')], 0)
  expect(countSteps(one)).toMatchObject({ ended: 1 })
  one = withNews(one, news(view('b', 'booted', 'b2')), 1)
  expect(isOver(one)).toBe(true)
})

test('is the very same where nothing changes', () => {
  const one = newOperation(1, 'blink', 'Blink', [view('a', 'booted', 'b1')], 0)
  expect(withNews(one, news(view('x', 'down')), 1)).toBe(one)
  expect(withNews(one, news(view('a', 'down', 'b1')), 1)).toBe(one)
})
