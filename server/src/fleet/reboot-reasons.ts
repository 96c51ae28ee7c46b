/** What a reboot would change on a node. Pure but for the question to the node. */
import { reasonOf } from '@walt/shared/errors'
import { changedBootSettings } from '@walt/shared/node-settings'
import type { NodeChanges } from '@walt/shared/payloads'
import type { BootTicket } from './boot-ticket.ts'
import type { FleetNode } from './fleet.ts'

/** What the server itself knows, as a sentence's parts. */
export function knownReasons(
  { record, status }: FleetNode,
  boot: BootTicket | undefined,
  imageBuiltAt: number | undefined,
): string[] {
  const reasons: string[] = []
  if (!boot) return ['it has not booted yet']
  if (['off', 'down', 'lost'].includes(status.state)) reasons.push(`it was ${status.state}`)
  if (boot.image !== record.image) reasons.push(`image ${record.image} instead of ${boot.image}`)
  else if (imageBuiltAt !== undefined && imageBuiltAt > boot.startedAt) reasons.push('its image was changed')
  const settings = changedBootSettings(boot.settings ?? record.settings, record.settings)
  if (settings.length > 0) reasons.push(`new ${settings.join(', ')}`)
  return reasons
}

export function createRebootReasons(options: {
  node: (name: string) => FleetNode
  currentBoot: (name: string) => BootTicket | undefined
  imageBuiltAt: (image: string) => Promise<number | undefined>
  changesOf: (name: string) => Promise<NodeChanges>
}): (name: string) => Promise<string[]> {
  const { node, currentBoot, imageBuiltAt, changesOf } = options
  return async (name) => {
    const known = node(name)
    const reasons = knownReasons(known, currentBoot(name), await imageBuiltAt(known.record.image))
    // A node that is booting has changed nothing yet, and one that is gone cannot say.
    if (reasons.length > 0 || known.status.state !== 'booted') return reasons
    // There a reboot discards nothing.
    if (known.status.mode === 'hybrid-persistent') return []
    try {
      const { changed, complete } = await changesOf(name)
      if (changed.count > 0) return ['files changed on it']
      return complete ? [] : ['too many files to look at on it']
    } catch (thrown) {
      return [`what changed on it is unknown: ${reasonOf(thrown)}`]
    }
  }
}
