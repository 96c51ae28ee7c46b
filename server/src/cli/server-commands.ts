/** `walt server status`. */
import { humanSize } from '@walt/shared/sizes'
import type { Command } from 'commander'
import { type ServerStatus, serverStatus } from '../http/api-schema.ts'
import { type Act, printJson } from './command-context.ts'
import { formatProperties, formatTable } from './table.ts'
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
  const properties = formatProperties([
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
      `port ${swap.port}, ${swapProcess(swap)}, ${swap.connections} connected, ${humanSize(swap.usedBytes)} of ${humanSize(swap.quotaBytes)} used`,
    ],
    ['ssh key', status.sshKey],
  ])
  return swap.nodes.length === 0 ? properties : `${properties}\n\n${swapTable(swap.nodes, now)}`
}

function swapProcess({ pid, restarts }: ServerStatus['swap']): string {
  const process = pid === undefined ? 'being started' : `process ${pid}`
  return restarts === 0 ? process : `${process} (restarted ${restarts} ${restarts === 1 ? 'time' : 'times'})`
}

function swapTable(nodes: ServerStatus['swap']['nodes'], now: number): string {
  const rows = nodes.map((one) => {
    const state = one.connections === 0 ? 'disconnected' : 'connected'
    return [
      one.node,
      humanSize(one.sizeBytes),
      humanSize(one.usedBytes),
      humanSize(one.readBytes),
      humanSize(one.writtenBytes),
      `${state} for ${humanDuration(now - one.since)}`,
    ]
  })
  return formatTable(['swap of', 'size', 'on disk', 'read', 'written', 'state'], rows)
}
