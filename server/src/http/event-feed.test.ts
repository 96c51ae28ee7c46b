import { limits } from '@walt/shared/limits'
import { expect, test } from 'vitest'
import { createEventFeed } from './event-feed.ts'

test('one who comes back gets what it missed of its kinds, in order', () => {
  const feed = createEventFeed('r')
  feed.publish('node', () => 1)
  const id = feed.lastId()
  feed.publish('node', () => 2)
  feed.publish('log', () => 3)
  feed.publish('alert', () => 4)
  const texts = (kinds: Parameters<typeof feed.since>[1]) =>
    feed.since(id, kinds)?.map((event) => event.text())
  expect(texts(['node', 'alert'])).toEqual(['2', '4'])
  expect(texts(['log'])).toEqual(['3'])
  expect(feed.since(feed.lastId(), ['node'])).toEqual([])
})

test('one who was away for too long, or comes from another run, is told so', () => {
  const feed = createEventFeed('r')
  feed.publish('node', () => 0)
  const id = feed.lastId()
  for (let count = 0; count < 2 * limits.apiEventsKeptMax; count++) feed.publish('log', () => count)
  expect(feed.since(id, ['log'])).toBeUndefined()
  expect(feed.since(id, ['node'])).toEqual([])
  for (const strange of ['other-1', 'r-99999999', 'r-x', '', 'r--1'])
    expect(feed.since(strange, ['node'])).toBeUndefined()
})

test('a value is made only when somebody needs it', () => {
  const feed = createEventFeed('r')
  let made = 0
  feed.publish('node', () => ++made)
  expect(made).toBe(0)
  const seen: string[] = []
  const end = feed.subscribe(['node'], (event) => seen.push(event.text()))
  feed.publish('node', () => ++made)
  feed.publish('log', () => ++made)
  end()
  feed.publish('node', () => ++made)
  expect([made, seen]).toEqual([1, ['1']])
})
