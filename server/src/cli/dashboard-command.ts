/** `walt dashboard`: where to look at the fleet with a browser. */
import type { Command } from 'commander'
import { dashboardLink } from '../http/api-schema.ts'
import { type Act, printJson } from './command-context.ts'

export function addDashboardCommand(walt: Command, act: Act): void {
  walt
    .command('dashboard')
    .description('print a link to the dashboard, for a browser')
    .addHelpText(
      'after',
      '\nThe link has the token of the server in it: whoever has the link has the platform.',
    )
    .action(
      act(async (context) => {
        const link = await context.api.call({ method: 'GET', path: 'dashboard' }, dashboardLink)
        if (context.json) printJson(context, link)
        else context.terminal.print(reachedBy(link.url, context.target))
        return undefined
      }),
    )
}

/** Pure: the server's link, at the address by which the server was reached from here, if that was by TCP. */
export function reachedBy(link: string, target: { socket: string } | { url: URL }): string {
  if ('socket' in target) return link
  const { hash } = new URL(link)
  return new URL(hash, `${target.url.href.replace(/\/$/, '')}/`).href
}
