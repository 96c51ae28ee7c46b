/** `walt node changes`: what a reboot of a node would throw away. */
import { humanSize } from '@walt/shared/sizes'
import type { Command } from 'commander'
import { nodeChanges } from '../http/api-schema.ts'
import { type Act, printJson } from './command-context.ts'
import { nodePath } from './node-commands.ts'
import { formatTable } from './table.ts'

export function addNodeChangesCommand(node: Command, act: Act): void {
  node
    .command('changes')
    .description(
      'list what was changed on a node since it was booted, largest first; a reboot throws it away',
    )
    .argument('<node>', 'name of the node')
    .option(
      '--system',
      'list what its system wrote by itself instead: at boot, and in places such as /var/log',
    )
    .action(
      act(async (context, name: string, options: { system?: boolean }) => {
        const request = { method: 'GET', path: nodePath(name, '/changes') } as const
        const found = await context.api.call(request, nodeChanges)
        if (context.json) {
          printJson(context, found)
          return undefined
        }
        const group = options.system ? found.system : found.changed
        const rows = group.largest.map((one) => [humanSize(one.bytes), one.kind, one.path])
        if (rows.length > 0) context.terminal.print(formatTable(['size', 'what', 'path'], rows))
        const more = group.count > rows.length ? `, of which the largest ${rows.length} are shown` : ''
        const cut = found.complete ? '' : ' There is more: it was too much to look at all of it.'
        const files = group.count === 1 ? '1 file' : `${group.count} files`
        context.terminal.note(`${files}, ${humanSize(group.bytes)}${more}.${cut}`)
        return undefined
      }),
    )
}
