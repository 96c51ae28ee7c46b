/** `walt top`: the fleet as it does, on a terminal. */
import { limits } from '@walt/shared/limits'
import { type Command, Option } from 'commander'
import { nodeListEntries, serverStatus } from '../http/api-schema.ts'
import { type Act, type CommandContext, printJson } from './command-context.ts'
import { usageError } from './exit-status.ts'
import { type TopOrder, topOrders, topText } from './top-table.ts'

type TopOptions = { once?: boolean; sort: TopOrder }

export function addTopCommand(walt: Command, act: Act): void {
  walt
    .command('top')
    .description('show how the nodes do, again and again; keys: s sorts by something else, q ends')
    .argument('[nodes]', 'a node set')
    .option('--once', 'print it once')
    .addOption(new Option('--sort <column>', 'sort by this').choices(topOrders).default('name'))
    .action(act(top))
}

async function read(context: CommandContext, nodes: string | undefined) {
  const set = nodes === undefined ? '' : `&set=${encodeURIComponent(nodes)}`
  const [entries, status] = await Promise.all([
    context.api.call({ method: 'GET', path: `nodes?with=telemetry${set}` }, nodeListEntries),
    context.api.call({ method: 'GET', path: 'status' }, serverStatus),
  ])
  return { entries, status }
}

async function top(
  context: CommandContext,
  nodes: string | undefined,
  { once, sort }: TopOptions,
): Promise<undefined> {
  const { screen } = context
  if (once || context.json) {
    const { entries, status } = await read(context, nodes)
    if (context.json) printJson(context, entries)
    else context.terminal.print(topText(entries, status, { order: sort, now: Date.now() }))
    return undefined
  }
  if (!screen) throw usageError('walt top draws on a terminal; --once prints it once, --json for programs.')

  let order = sort
  let wake = () => {}
  let ended = false
  const leave = screen.enter((key) => {
    if (key === 'q' || key === '\u0003') ended = true
    if (key === 's') order = topOrders[(topOrders.indexOf(order) + 1) % topOrders.length] ?? 'name'
    wake()
  })
  try {
    let latest = await read(context, nodes)
    let readAt = performance.now()
    while (!ended && !context.signal.aborted) {
      screen.draw(topText(latest.entries, latest.status, { order, now: Date.now(), rows: screen.rows() }))
      const left = limits.cliTopMs - (performance.now() - readAt)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(0, left))
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
        context.signal.addEventListener('abort', wake, { once: true })
      })
      context.signal.removeEventListener('abort', wake)
      if (ended || context.signal.aborted || performance.now() - readAt < limits.cliTopMs) continue
      latest = await read(context, nodes)
      readAt = performance.now()
    }
  } finally {
    leave()
  }
  return undefined
}
