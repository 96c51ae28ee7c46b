/** `walt node create|remove|show|config`: the fleet as a list. */
import type { Command } from 'commander'
import * as v from 'valibot'
import { type NodeView, nodeDetails, nodeView, nodeViews } from '../http/api-schema.ts'
import { type Act, type CommandContext, printJson } from './command-context.ts'
import { usageError } from './exit-status.ts'
import { nodeDescription } from './node-description.ts'
import { outcomeLines } from './outcomes.ts'
import { formatTable } from './table.ts'
import { humanDuration } from './times.ts'

type CreateOptions = { image?: string; mac?: string; model?: string; set: string[] }

export function addNodeCommands(node: Command, act: Act): void {
  node
    .command('create')
    .description('create a virtual node and start it, or register a physical node by its MAC address')
    .argument('<name>', 'name of the new node; it becomes its host name')
    .option('--image <image>', 'image to boot (the only one, unless there are several)')
    .option('--mac <address>', 'a physical node: the MAC address that it boots from')
    .option('--model <model>', 'a physical node: its model, such as pc-x86-64')
    .option('--set <name=value>', 'a setting from the start; may be repeated', collect, [])
    .action(act(createNode))

  node
    .command('remove')
    .description('remove a node; a virtual one is stopped. A /persist that is not empty stays on the server')
    .argument('<node>', 'name of the node')
    .action(
      act(async (context, name: string) => {
        await context.api.call({ method: 'DELETE', path: nodePath(name) }, v.unknown())
        if (context.json) printJson(context, { removed: name })
        else context.terminal.print(`${name}: removed.`)
        return undefined
      }),
    )

  node
    .command('show')
    .description('list nodes; or tell all about one')
    .argument('[nodes]', 'a node set; the name of one node gives its details')
    .action(act(showNodes))

  node
    .command('config')
    .description('show or change settings of nodes (see "walt help show node-settings")')
    .argument('<nodes>', 'a node set')
    .argument('[settings...]', 'settings to change, each as name=value')
    .action(act(configureNodes))
}

export function nodePath(name: string, below = ''): string {
  return `nodes/${encodeURIComponent(name)}${below}`
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value]
}

async function createNode(context: CommandContext, name: string, options: CreateOptions): Promise<undefined> {
  const { set, ...given } = options
  if (given.model !== undefined && given.mac === undefined) {
    throw usageError('--model is for physical nodes: give the MAC address of the node too, with --mac.')
  }
  const settings = set.length > 0 ? { settings: readSettings(set) } : {}
  const request = { method: 'POST', path: 'nodes', body: { name, ...given, ...settings } } as const
  const created = await context.api.call(request, nodeView)
  if (context.json) printJson(context, created)
  else {
    const next = created.virtual
      ? `"walt node wait ${name}" waits until it is booted.`
      : 'Switch it on; it boots from the network.'
    context.terminal.print(
      `${name}: created, with image ${created.image} and address ${created.address}. ${next}`,
    )
  }
  return undefined
}

async function showNodes(context: CommandContext, nodes?: string): Promise<undefined> {
  if (nodes !== undefined && /^[a-z0-9-]+$/.test(nodes) && !/-nodes$/.test(nodes)) {
    const details = await context.api.call({ method: 'GET', path: nodePath(nodes) }, nodeDetails)
    if (context.json) printJson(context, details)
    else context.terminal.print(nodeDescription(details, Date.now()))
    return undefined
  }
  const query = nodes === undefined ? '' : `?set=${encodeURIComponent(nodes)}`
  const views = await context.api.call({ method: 'GET', path: `nodes${query}` }, nodeViews)
  if (context.json) printJson(context, views)
  else if (views.length > 0) context.terminal.print(nodeTable(views, Date.now()))
  else if (nodes === undefined)
    context.terminal.note('There is no node yet: "walt node create NAME" creates one.')
  else context.terminal.note('No node is in this set.')
  return undefined
}

/** Pure. */
export function nodeTable(views: readonly NodeView[], now: number): string {
  const rows = views.map((view) => [
    view.name,
    view.virtual ? 'virtual' : 'physical',
    view.model,
    view.runningImage === undefined || view.runningImage === view.image
      ? view.image
      : `${view.image} (now ${view.runningImage})`,
    view.address,
    view.degraded ? `${view.state}, degraded` : view.state,
    humanDuration(now - view.since),
  ])
  return formatTable(['name', 'kind', 'model', 'image', 'address', 'state', 'for'], rows)
}

async function configureNodes(
  context: CommandContext,
  nodes: string,
  settings: string[],
): Promise<undefined> {
  if (settings.length === 0) {
    const path = `nodes?set=${encodeURIComponent(nodes)}`
    const views = await context.api.call({ method: 'GET', path }, nodeViews)
    if (context.json) printJson(context, Object.fromEntries(views.map((view) => [view.name, view.settings])))
    else context.terminal.print(settingsText(views))
    return undefined
  }
  const request = {
    method: 'PATCH',
    path: 'nodes',
    body: { nodes, settings: readSettings(settings) },
  } as const
  const views = await context.api.call(request, nodeViews)
  if (context.json) printJson(context, Object.fromEntries(views.map((view) => [view.name, view.settings])))
  else context.terminal.print('Done. Reboot node(s) to see new settings in effect.')
  return undefined
}

/** Pure: `name=value` words as the server takes them. The server knows which settings there are. */
export function readSettings(words: readonly string[]): Record<string, string> {
  const settings: Record<string, string> = {}
  for (const word of words) {
    const equals = word.indexOf('=')
    if (equals < 1) throw usageError(`"${word}" is not a setting: write it as name=value, such as ram=1G.`)
    const name = word.slice(0, equals)
    if (Object.hasOwn(settings, name)) throw usageError(`"${name}" is given twice.`)
    settings[name] = word.slice(equals + 1)
  }
  return settings
}

/** Pure: a line for each setting, beginning with the end of the line before. */
export function settingLines(settings: NodeView['settings']): string {
  return Object.entries(settings.effective)
    .map(([name, value]) => {
      const given = settings.given[name]
      return given === undefined ? `\n  ${name}=${String(value)}  (default)` : `\n  ${name}=${given}`
    })
    .join('')
}

/** Pure: nodes with the same settings on one line, as `config` takes them; what was given is marked. */
export function settingsText(views: readonly NodeView[]): string {
  const results = views.map((view) => {
    return { node: view.name, message: settingLines(view.settings) }
  })
  return outcomeLines(results)
    .map((line) => line.replace(': \n', ':\n'))
    .join('\n')
}
