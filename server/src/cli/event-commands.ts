/** `walt events` and `walt alerts`: what happens to the fleet, and what is wrong with it. */
import type { Command } from 'commander'
import * as v from 'valibot'
import { type AlertView, alertView, alertViews, type FleetEventView, fleetEvent } from '../http/api-schema.ts'
import { type Act, printJson } from './command-context.ts'
import { serverEvents } from './server-events.ts'
import { formatTable, printable } from './table.ts'
import { humanDuration, humanMoment } from './times.ts'

export function addEventCommands(walt: Command, act: Act): void {
  walt
    .command('events')
    .description('print what happens to nodes, and alerts, as it happens')
    .action(
      act(async (context) => {
        for await (const { event, data } of serverEvents(context, ['node', 'alert'])) {
          if (event === 'reset')
            context.terminal.note('Events may be missing here: the server was restarted.')
          const text = context.json ? eventJson(event, data) : eventText(event, data, Date.now())
          if (text !== undefined) await context.terminal.write(`${text}\n`)
        }
        return undefined
      }),
    )

  walt
    .command('alerts')
    .description('list what is wrong now, and with --all also what was')
    .option('--all', 'those that are over as well')
    .action(
      act(async (context, options: { all?: boolean }) => {
        const all = await context.api.call({ method: 'GET', path: 'alerts' }, alertViews)
        const shown = options.all ? all : all.filter((alert) => alert.resolvedAt === undefined)
        if (context.json) printJson(context, shown)
        else if (shown.length === 0) context.terminal.note('No alert is on.')
        else context.terminal.print(alertTable(shown, Date.now()))
        return undefined
      }),
    )
}

function eventJson(event: string, data: unknown): string | undefined {
  return event === 'open' || event === 'reset' ? undefined : JSON.stringify({ event, data })
}

/** Pure: a line; undefined for what says nothing to a person. */
export function eventText(event: string, data: unknown, now: number): string | undefined {
  if (event === 'node') return nodeText(v.parse(fleetEvent, data))
  if (event !== 'alert') return undefined
  const { message, level, resolvedAt } = v.parse(alertView, data)
  const what = resolvedAt === undefined ? `alert (${level})` : 'alert is over'
  return `${humanMoment(resolvedAt ?? now)} ${what}: ${printable(message)}`
}

function nodeText({ node, at, view }: FleetEventView): string {
  if (!view) return `${humanMoment(at)} ${node}: removed`
  const cause = view.cause === undefined ? '' : `, ${printable(view.cause)}`
  return `${humanMoment(at)} ${node}: ${view.state}${view.degraded ? ', degraded' : ''}${cause}`
}

/** Pure. */
export function alertTable(alerts: readonly AlertView[], now: number): string {
  const rows = alerts.map(({ since, resolvedAt, level, message }) => [
    humanMoment(since),
    humanDuration((resolvedAt ?? now) - since),
    resolvedAt === undefined ? level : 'over',
    message,
  ])
  return formatTable(['since', 'for', 'level', 'what'], rows)
}
