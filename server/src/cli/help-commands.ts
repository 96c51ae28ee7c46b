/** `walt help`: the topics that need more words than an option's help. */
import { Argument, type Command } from 'commander'
import { type Act, printJson } from './command-context.ts'
import { helpTopics } from './help-topics.ts'
import { formatTable } from './table.ts'

export function addHelpCommands(walt: Command, act: Act): void {
  const help = walt
    .command('help')
    .helpCommand(false)
    .description('explain how WalT works')
    .action(() => walt.outputHelp())
  help
    .command('show')
    .description('print a topic, or list the topics')
    .addArgument(new Argument('[topic]', 'the topic').choices(Object.keys(helpTopics)))
    .action(
      act(async (context, name: string | undefined) => {
        const topic = name === undefined ? undefined : helpTopics[name]
        const topics = Object.entries(helpTopics).map(([key, value]) => [key, value.title])
        if (context.json)
          printJson(context, topic ? { topic: name, text: topic.text() } : Object.fromEntries(topics))
        else context.terminal.print(topic ? topic.text() : formatTable(['topic', 'about'], topics))
        return undefined
      }),
    )
}
