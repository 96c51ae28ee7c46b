/** `walt server status`. */
import { humanSize } from '@walt/shared/sizes'
import type { Command } from 'commander'
import { type ServerStatus, serverStatus } from '../http/api-schema.ts'
import { type Act, printJson } from './command-context.ts'
import { formatProperties } from './table.ts'
import { humanDuration } from './times.ts'

export function addServerCommands(walt: Command, act: Act): void {
  const server = walt.command('server').helpCommand(false).description('look at the server')
  server
    .command('status')
    .description('what the server is, and how its parts do')
    .action(
      act(async (context) => {
        const status = await context.api.call({ method: 'GET', path: 'status' }, serverStatus)
        if (context.json) printJson(context, status)
        else context.terminal.print(statusText(status, Date.now()))
        return undefined
      }),
    )
}

/** Pure. */
export function statusText(status: ServerStatus, now: number): string {
  const { network, nodes, broker, swap, nfs, vnodes } = status
  const bridge = network.bridge === null ? '' : `, bridge ${network.bridge}`
  const states = (['booted', 'booting', 'rebooting', 'down'] as const)
    .filter((state) => nodes[state] > 0)
    .map((state) => `${nodes[state]} ${state}`)
  return formatProperties([
    ['server', `walt-server ${status.version}, up for ${humanDuration(now - status.startedAt)}`],
    ['state folder', status.state],
    ['network', `${network.address}/${network.prefix}${bridge}`],
    ['nodes', [`${nodes.total} in all`, ...states].join(', ')],
    ['images', String(status.images)],
    ['virtual nodes', `${vnodes.running} running, engine ${vnodes.engine}`],
    ['nfs', `${nfs.server}, ${nfs.state}`],
    ['broker', `port ${broker.port}, ${broker.connections} connected, ${broker.refused} refused`],
    [
      'swap',
      `port ${swap.port}, ${swap.connections} connected, ${humanSize(swap.usedBytes)} of ${humanSize(swap.quotaBytes)} used`,
    ],
    ['ssh key', status.sshKey],
  ])
}
