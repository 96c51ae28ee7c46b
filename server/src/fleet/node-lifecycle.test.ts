import { expect, test } from 'vitest'
import type { NodeFolders } from '../boot/node-folders.ts'
import type { Fleet } from './fleet.ts'
import { createNodeLifecycle } from './node-lifecycle.ts'
import type { Orchestrator } from './orchestrator.ts'

test('a node of the same name is made once the one before is removed, whatever becomes of that', async () => {
  const events: string[] = []
  const slowly = (event: string) => async () => {
    events.push(`${event} begins`)
    await new Promise((resolve) => setTimeout(resolve, 5))
    events.push(`${event} ends`)
  }
  const lifecycle = createNodeLifecycle({
    fleet: {
      get: () => ({ record: { virtual: true } }),
      add: slowly('add'),
      remove: slowly('remove'),
    } as unknown as Fleet,
    folders: { prepare: slowly('folder'), remove: slowly('folder’s end') } as unknown as NodeFolders,
    images: {
      names: async () => ['i'],
      checkBootable: async () => undefined,
      builtAt: async () => undefined,
    },
    machines: {
      checkAvailable: () => undefined,
      add: slowly('machine'),
      restart: async () => undefined,
      remove: async () => undefined,
    },
    orchestrator: {} as Orchestrator,
    onCreated: async () => undefined,
    onRemoved: () => Promise.reject(new Error('no exports')),
  })
  const removed = expect(lifecycle.remove('vnode1')).rejects.toThrow('no exports')
  await lifecycle.create({ name: 'vnode1' })
  await removed
  expect(events.map((event) => event.split(' ')[0])).toEqual([
    'remove',
    'remove',
    'add',
    'add',
    'folder',
    'folder',
    'machine',
    'machine',
  ])
})
