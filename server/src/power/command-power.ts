import { limits } from '@walt/shared/limits'
import { effectiveNodeSettings } from '@walt/shared/node-settings'
import type { NodeRecord } from '../fleet/node-record.ts'
import { runCommand } from '../run-command.ts'
import type { PowerDriver } from './power-driver.ts'

/** A command of the user's: for outlets, relays, other people's management controllers. */
export function createCommandPower(): PowerDriver {
  const commandOf = (node: NodeRecord) => effectiveNodeSettings(node.settings)['power.command']
  return {
    name: 'power.command',
    option: (node) => (commandOf(node) === '' ? undefined : { available: true }),
    async cycle(node) {
      await runCommand('sh', ['-c', commandOf(node)], {
        environment: { WALT_NODE: node.name, WALT_NODE_MAC: node.mac, WALT_NODE_ADDRESS: node.address },
        timeoutMs: limits.powerCommandMs,
      })
    },
  }
}
