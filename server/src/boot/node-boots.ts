/** Begins a boot of a node: its ticket, and what its kernel is told and loads. */
import type { ServerConfig } from '../config.ts'
import type { BootTicket } from '../fleet/boot-ticket.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { kexecCause } from '../fleet/node-status.ts'
import { type BootParameters, bootParameters } from './boot-parameters.ts'
import { createImageIdentities } from './image-identity.ts'
import type { NodeFolders } from './node-folders.ts'

export type NodeBoot = { ticket: BootTicket; parameters: BootParameters }

export type NodeBoots = { begin(node: string, cause?: typeof kexecCause): Promise<NodeBoot> }

export function createNodeBoots(options: {
  fleet: Fleet
  folders: NodeFolders
  config: ServerConfig
}): NodeBoots {
  const { fleet, folders, config } = options
  const identityOf = createImageIdentities(folders.imagePathOf)
  return {
    async begin(name, cause) {
      // A folder that somebody removed is made again; the symlink says what runs.
      await folders.prepare(name, fleet.get(name).record.image)
      const ticket = await fleet.beginBoot(name, cause)
      const node = fleet.get(name).record
      const settings = fleet.settingsOf(name)
      // Only a disk can ask for a hybrid boot mode.
      const mayBeHybrid = !node.virtual || settings.disks !== ''
      const parameters = bootParameters({
        node,
        ticket,
        settings,
        image: mayBeHybrid ? await identityOf(ticket.image) : undefined,
        imagePath: folders.imagePathOf(ticket.image),
        persistPath: folders.persistPathOf(name),
        config,
      })
      return { ticket, parameters }
    },
  }
}
