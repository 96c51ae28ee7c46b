/** `walt completion bash|zsh`, and the question that those scripts ask. */

import { limits } from '@walt/shared/limits'
import { nodeSettingTable } from '@walt/shared/node-settings'
import type { Command } from 'commander'
import * as v from 'valibot'
import { createApiClient } from './api-client.ts'
import { type Act, type CommandContext, printJson } from './command-context.ts'
import { type CompletionKind, completionQuery, completionScripts, completionWords } from './completion.ts'

export function addCompletionCommands(walt: Command, act: Act): void {
  const completion = walt
    .command('completion')
    .helpCommand(false)
    .description('print a completion script for a shell')
  for (const shell of ['bash', 'zsh'] as const) {
    completion
      .command(shell)
      .description(`for ${shell}: source <(walt completion ${shell})`)
      .action(
        act(async (context) => {
          if (context.json) printJson(context, { shell, script: completionScripts[shell] })
          else await context.terminal.write(completionScripts[shell])
          return undefined
        }),
      )
  }
  completion
    .command('words', { hidden: true })
    .argument('[words...]', 'the words so far, the last one being the one to complete')
    .action(
      act(async (context, words: string[]) => {
        const query = completionQuery(walt, words)
        const names = query.kind === undefined ? [] : await namesOf(context, query.kind)
        const found = completionWords(query, names)
        if (found.length > 0) context.terminal.print(found.join('\n'))
        return undefined
      }),
    )
}

/** Without a server, or with a slow one, there are no names to offer; a person pressing Tab wants no error text. */
async function namesOf(context: CommandContext, kind: CompletionKind): Promise<string[]> {
  if (kind === 'setting') return Object.keys(nodeSettingTable).map((name) => `${name}=`)
  const hurry = createApiClient(context.target, AbortSignal.timeout(limits.cliCompletionMs))
  const named = v.array(v.object({ name: v.string() }))
  const path = kind === 'image' ? 'images' : kind === 'device' ? 'devices' : 'nodes'
  const names = await hurry.call({ method: 'GET', path }, named).then(
    (found) => found.map((one) => one.name),
    () => [],
  )
  return kind === 'nodes' ? [...names, 'all-nodes', 'booted-nodes', 'down-nodes'] : names
}
