import { expect, test } from 'vitest'
import { fleetPath, nodePath, routeOf, tokenOfFragment } from './routes.ts'

test('every page has an address that leads back to it', () => {
  expect(routeOf('/')).toEqual({ page: 'fleet', search: '' })
  expect(routeOf(fleetPath('image:debian12'))).toEqual({ page: 'fleet', search: '?q=image%3Adebian12' })
  expect(routeOf(nodePath('vnode1'))).toEqual({ page: 'node', name: 'vnode1', tab: 'overview' })
  expect(routeOf(nodePath('vnode1', 'console'))).toEqual({ page: 'node', name: 'vnode1', tab: 'console' })
  for (const page of ['images', 'alerts']) expect(routeOf(`/${page}`)).toEqual({ page })
})

test('other addresses are unknown', () => {
  for (const path of ['/x', '/nodes', '/nodes/a/b', '/nodes/a/boots/x', '/images/x'])
    expect(routeOf(path)).toEqual({ page: 'unknown' })
  expect(routeOf('/nodes/%E0%A4%A')).toMatchObject({ page: 'node' })
})

test('takes the token out of a fragment', () => {
  expect(tokenOfFragment('#token=abc')).toBe('abc')
  expect(tokenOfFragment('#token=')).toBeUndefined()
  expect(tokenOfFragment('')).toBeUndefined()
})
