/** `walt node boot|reboot|wait`: commands that end with an outcome for each node. */
import type { Command } from 'commander'
import { type RebootResult, rebootAnswer } from '../http/api-schema.ts'
import type { ApiRequest } from './api-client.ts'
import { type Act, type CommandContext, printJson } from './command-context.ts'
import { exitStatus, usageError } from './exit-status.ts'
import { outcomeLines } from './outcomes.ts'
import { waitForNodes, waitOutcome } from './wait.ts'

type RebootOptions = { hard?: boolean; ifChanged?: boolean; userspace?: boolean }

export function addNodeBootCommands(node: Command, act: Act): void {
  node
    .command('boot')
    .description('give nodes an image and reboot them on it')
    .argument('<nodes>', 'a node set')
    .argument('<image>', 'name of the image')
    .action(
      act(async (context, nodes: string, image: string) =>
        reboot(context, 'nodes/boot', { nodes, image, requestedBy: requester(context) }),
      ),
    )

  node
    .command('reboot')
    .description('reboot nodes (see "walt help show node-reboot")')
    .argument('<nodes>', 'a node set')
    .option('--if-changed', 'reboot only nodes that a reboot would change')
    .option('--userspace', 'restart user space alone, on a fresh root; the kernel runs on')
    .option('--hard', 'do not ask the node: kill the virtual machine, or cut the power')
    .action(
      act(async (context, nodes: string, options: RebootOptions) => {
        const { hard = false, ifChanged = false, userspace = false } = options
        if (hard && userspace)
          throw usageError(
            '--hard restarts the whole machine, --userspace only user space: give one of them.',
          )
        const requestedBy = requester(context)
        return reboot(context, 'nodes/reboot', { nodes, hard, ifChanged, userspace, requestedBy })
      }),
    )

  node
    .command('wait')
    .description('wait until nodes are booted; status 1 if one is not in time, or lost')
    .argument('<nodes>', 'a node set')
    .option('--timeout <seconds>', 'wait no longer than this; 0 just looks', readSeconds)
    .action(
      act(async (context, nodes: string, options: { timeout?: number }) => {
        const results = await waitForNodes(context, nodes, options.timeout)
        if (context.json) printJson(context, { results })
        else
          printOutcomes(
            context,
            results.map((result) => ({ ...waitOutcome(result), ok: result.ok })),
          )
        return results.every((result) => result.ok) ? exitStatus.ok : exitStatus.failed
      }),
    )
}

async function reboot(context: CommandContext, path: string, body: unknown): Promise<number> {
  context.terminal.status('Rebooting...')
  const request: ApiRequest = { method: 'POST', path, body }
  const { results } = await context.api
    .call(request, rebootAnswer)
    .finally(() => context.terminal.status(undefined))
  if (context.json) printJson(context, { results })
  else printOutcomes(context, results)
  return results.every((result) => result.ok) ? exitStatus.ok : exitStatus.failed
}

/** What went well is a result; what failed is for standard error. An empty set is no failure. */
export function printOutcomes(
  context: CommandContext,
  results: readonly Pick<RebootResult, 'node' | 'ok' | 'message'>[],
): void {
  for (const line of outcomeLines(results.filter((result) => result.ok))) context.terminal.print(line)
  for (const line of outcomeLines(results.filter((result) => !result.ok))) context.terminal.note(line)
}

function requester(context: CommandContext): string {
  return context.environment.SUDO_USER ?? context.environment.USER ?? 'walt'
}

export function readSeconds(text: string): number {
  if (!/^[0-9]{1,6}$/.test(text)) throw usageError(`"${text}" is not a number of seconds.`)
  return Number(text)
}
