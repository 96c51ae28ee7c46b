/** What a person does with nodes as a whole: make one, remove one, give one another image. */
import { WaltError } from '@walt/shared/errors'
import type { NodeFolders } from '../boot/node-folders.ts'
import type { CreateNodeRequest, RebootResult } from '../http/api-schema.ts'
import type { Fleet, FleetNode } from './fleet.ts'
import { virtualNodeModel } from './node-record.ts'
import type { Orchestrator } from './orchestrator.ts'

/** The machines of virtual nodes. */
export type VirtualMachines = {
  /** @throws WaltError `vnodes-off` where this server has none */
  checkAvailable(): void
  add(node: string): Promise<void>
  restart(node: string): Promise<void>
  remove(node: string): Promise<void>
}

export type ImageCheck = {
  names(): Promise<string[]>
  /** @throws WaltError `image-unknown`, `image-invalid` */
  checkBootable(image: string, model: string): Promise<void>
  /** When its files were last made, as far as that is known. */
  builtAt(image: string): Promise<number | undefined>
}

export type NodeLifecycle = {
  create(request: CreateNodeRequest): Promise<FleetNode>
  remove(name: string): Promise<void>
  boot(request: { names: readonly string[]; image: string; requestedBy: string }): Promise<RebootResult[]>
}

export function createNodeLifecycle(options: {
  fleet: Fleet
  folders: NodeFolders
  images: ImageCheck
  machines: VirtualMachines
  orchestrator: Orchestrator
  /** What a node's first boot needs: its exports. */
  onCreated: () => Promise<void>
  /** What else holds something of a node: its connections, its swap, its exports. */
  onRemoved: (name: string) => Promise<void>
}): NodeLifecycle {
  const { fleet, folders, images, machines, orchestrator, onCreated, onRemoved } = options
  /** Of each name, what was begun last. */
  const turns = new Map<string, Promise<unknown>>()

  /** A node of the name of one that is being removed would lose its folder, its boot and its record to that. */
  async function inTurn<T>(name: string, run: () => Promise<T>): Promise<T> {
    const turn = Promise.resolve(turns.get(name)).then(run, run)
    turns.set(name, turn)
    try {
      return await turn
    } finally {
      if (turns.get(name) === turn) turns.delete(name)
    }
  }

  async function defaultImage(): Promise<string> {
    const names = await images.names()
    if (names.length === 1 && names[0] !== undefined) return names[0]
    throw new WaltError(
      'image-unknown',
      names.length === 0
        ? 'There is no image yet: build one with "walt image build NAME".'
        : `There are several images; name one of: ${names.join(', ')}.`,
    )
  }

  async function create(request: CreateNodeRequest): Promise<FleetNode> {
    const { name, image: wantedImage, mac, model, settings } = request
    const virtual = mac === undefined
    if (virtual) machines.checkAvailable()
    if (virtual && model !== undefined && model !== virtualNodeModel) {
      throw new WaltError('node-invalid', `A node of model ${model} needs its MAC address (--mac).`)
    }
    const image = wantedImage ?? (await defaultImage())
    await images.checkBootable(image, model ?? virtualNodeModel)
    const node = await fleet.add({ name, image, mac, model, settings })
    await folders.prepare(name, image)
    await onCreated()
    if (virtual) await machines.add(name)
    return node
  }

  async function remove(name: string): Promise<void> {
    const { record } = fleet.get(name)
    if (record.virtual) await machines.remove(name)
    await fleet.remove(name)
    await onRemoved(name)
    await folders.remove(name)
  }

  return {
    create: (request) => inTurn(request.name, () => create(request)),
    remove: (name) => inTurn(name, () => remove(name)),

    async boot({ names, image, requestedBy }) {
      for (const name of names) await images.checkBootable(image, fleet.get(name).record.model)
      for (const name of names) {
        await folders.prepare(name, image)
        await fleet.setImage(name, image)
      }
      return orchestrator.reboot({ names, hard: false, requestedBy })
    },
  }
}
