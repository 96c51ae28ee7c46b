/**
 * The restart of a node's user space alone: asked for by MQTT, since the control port's REBOOT is of the machine. The node
 * makes a fresh root and answers before it goes; nothing harder follows where it refuses, since that is not what was asked
 * for.
 */
import type { Reply } from '@walt/shared/payloads'
import type { RebootResult } from '../http/api-schema.ts'
import type { BootTicket } from './boot-ticket.ts'
import type { Fleet, FleetNode } from './fleet.ts'
import { rebootFailure, rebootSuccess } from './reboot-plan.ts'

/** Pure: what the server itself knows against it; undefined: the node may be asked. */
export function userspaceObstacle(
  { record, status }: FleetNode,
  boot: BootTicket | undefined,
  imageBuiltAt: number | undefined,
): string | undefined {
  if (status.state !== 'booted' || !boot) return `it is ${status.state}`
  if (boot.image !== record.image) return `only a whole reboot takes it to the image ${record.image}`
  if (imageBuiltAt !== undefined && imageBuiltAt > boot.startedAt)
    return 'its image was changed, which only a whole reboot takes up'
  return undefined
}

export function createUserspaceReboot(options: {
  fleet: Pick<Fleet, 'get' | 'record'>
  currentBoot: (name: string) => BootTicket | undefined
  imageBuiltAt: (image: string) => Promise<number | undefined>
  restartUserSpace: (name: string, requestedBy: string) => Promise<Reply>
}): (name: string, requestedBy: string) => Promise<RebootResult> {
  const { fleet, currentBoot, imageBuiltAt, restartUserSpace } = options
  const failure = (name: string, reason: string) =>
    rebootFailure(name, { hard: reason, hardName: 'userspace-reboot' })

  return async (name, by) => {
    const node = fleet.get(name)
    const { bootId, userSpace = 0 } = node.status
    const obstacle = userspaceObstacle(node, currentBoot(name), await imageBuiltAt(node.record.image))
    if (obstacle !== undefined) return failure(name, obstacle)
    const { ok, message = 'it gave no reason' } = await restartUserSpace(name, by)
    if (!ok) return failure(name, message)
    fleet.record(name, { type: 'reboot-requested', by, bootId, userspace: userSpace })
    return rebootSuccess(name, 'userspace')
  }
}
