/** The whole command line as one tree of commands, and one run of it. */
import { reasonOf, WaltError } from '@walt/shared/errors'
import { Command, CommanderError } from 'commander'
import {
  type Act,
  createContext,
  defaultSocket,
  type GlobalOptions,
  type Surroundings,
} from './command-context.ts'
import { addCompletionCommands } from './completion-commands.ts'
import { addDashboardCommand } from './dashboard-command.ts'
import { addDeviceCommands } from './device-commands.ts'
import { addEventCommands } from './event-commands.ts'
import { exitStatus, exitStatusOf } from './exit-status.ts'
import { addHelpCommands } from './help-commands.ts'
import { addImageCommands } from './image-commands.ts'
import { addLogCommands } from './log-commands.ts'
import { addNodeAccessCommands } from './node-access-commands.ts'
import { addNodeBootCommands } from './node-boot-commands.ts'
import { addNodeChangesCommand } from './node-changes-command.ts'
import { addNodeCommands } from './node-commands.ts'
import { addServerCommands } from './server-commands.ts'
import { addTopCommand } from './top-command.ts'

const generalHelp = `
Exit status: 0 done; 1 a node failed, or something was refused; 2 wrong usage; 3 the server
cannot be reached; 130 Ctrl-C. "walt node shell NODE -- COMMAND" exits as COMMAND does.

Environment: WALT_SOCKET  the server's socket, as --socket
             WALT_TOKEN   the token for --server (run/api.token in the server's state folder)
             WALT_NETNS   network namespace that "walt node shell" reaches the nodes from

Start with "walt server status" and "walt node show"; "walt help show" lists what else is explained.`

const nodeSetHelp = `
A node set: vnode1  vnode1,vnode4  vnode[1-10]  all-nodes  booted-nodes  down-nodes  image:NAME,
            and any of these joined by commas.`

/** Resolves to the exit status; whatever goes wrong has been told by then. */
export async function runWalt(words: readonly string[], surroundings: Surroundings): Promise<number> {
  let status: number = exitStatus.ok
  const walt = createProgram(surroundings, (ended) => {
    status = ended
  })
  try {
    await walt.parseAsync([...words], { from: 'user' })
    return status
  } catch (thrown) {
    surroundings.terminal.status(undefined)
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitStatus.ok : exitStatus.usage
    const error =
      thrown instanceof WaltError ? thrown : new WaltError('bug', `Unexpected: ${reasonOf(thrown)}`)
    if (error.code !== 'interrupted') surroundings.terminal.note(errorText(error, walt.opts<GlobalOptions>()))
    return exitStatusOf(error)
  }
}

/** Exported for completion, which walks the tree. */
export function createProgram(surroundings: Surroundings, ended: (status: number) => void): Command {
  const walt = new Command('walt')
  walt
    .description('Boot, reboot and use the nodes of a WalT platform.')
    .option('--json', 'print the answer as JSON')
    .option('--socket <path>', `Unix socket of the server (default: $WALT_SOCKET, or ${defaultSocket})`)
    .option('--server <url>', 'reach the server over TCP instead, with the token in $WALT_TOKEN')
    .addHelpText('after', generalHelp)
    .helpCommand(false)
    .showHelpAfterError('Run it with --help to see what it takes.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => surroundings.terminal.print(text.trimEnd()),
      writeErr: (text) => surroundings.terminal.note(text.trimEnd()),
    })
  const act: Act =
    (body) =>
    async (...args) =>
      ended((await body(createContext(walt.opts<GlobalOptions>(), surroundings), ...args)) ?? exitStatus.ok)

  addImageCommands(walt, act)
  const node = walt
    .command('node')
    .helpCommand(false)
    .description('create, boot, reboot and use nodes')
    .addHelpText('after', nodeSetHelp)
  addNodeCommands(node, act)
  addNodeBootCommands(node, act)
  addNodeAccessCommands(node, act)
  addNodeChangesCommand(node, act)
  addDeviceCommands(walt, act)
  addLogCommands(walt, act)
  addEventCommands(walt, act)
  addTopCommand(walt, act)
  addServerCommands(walt, act)
  addDashboardCommand(walt, act)
  addHelpCommands(walt, act)
  addCompletionCommands(walt, act)
  return walt
}

function errorText(error: WaltError, options: GlobalOptions): string {
  if (options.json) return JSON.stringify({ error: { code: error.code, message: error.message } })
  return error.code === 'usage' ? `error: ${error.message}` : error.message
}
