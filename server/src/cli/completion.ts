/** Shell completion: two thin scripts that ask `walt completion words`, so that there is one logic for both. */
import type { Command } from 'commander'

export const completionScripts = {
  bash: `# bash completion for walt; use it by: source <(walt completion bash)
_walt() {
  local IFS=$'\\n'
  COMPREPLY=($(walt completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *[=,] ]] && compopt -o nospace
}
complete -o default -F _walt walt
`,
  zsh: `#compdef walt
# zsh completion for walt; use it by: source <(walt completion zsh)
_walt() {
  local -a found
  found=(\${(f)"$(walt completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  compadd -Q -- $found
}
compdef _walt walt
`,
} as const

/** What stands for a name in a command's arguments. */
export type CompletionKind = 'node' | 'nodes' | 'image' | 'device' | 'setting'

export type CompletionQuery = { prefix: string; words: string[]; kind?: CompletionKind }

/** Pure: what could stand in place of the last of `words`, and which names of the server are wanted besides. */
export function completionQuery(walt: Command, words: readonly string[]): CompletionQuery {
  let command = walt
  let positionals = 0
  const before = words.slice(0, -1)
  const last = words.at(-1) ?? ''
  for (let index = 0; index < before.length; index += 1) {
    const word = before[index] ?? ''
    if (word === '--') return { prefix: last, words: [] }
    if (word.startsWith('-')) {
      if (optionTakesValue(command, word)) index += 1
      continue
    }
    const child = command.commands.find((one) => one.name() === word)
    if (child) command = child
    else positionals += 1
  }
  if (last.startsWith('-')) return { prefix: last, words: optionsOf(command) }
  const visible = command.createHelp().visibleCommands(command)
  if (visible.length > 0) return { prefix: last, words: visible.map((one) => one.name()) }
  const argument = command.registeredArguments[positionals] ?? command.registeredArguments.at(-1)
  if (!argument || (positionals >= command.registeredArguments.length && !argument.variadic)) {
    return { prefix: last, words: [] }
  }
  if (argument.argChoices) return { prefix: last, words: argument.argChoices }
  const kind = kindOfArgument[argument.name()]
  return kind === undefined ? { prefix: last, words: [] } : { prefix: last, words: [], kind }
}

const kindOfArgument: Record<string, CompletionKind> = {
  node: 'node',
  nodes: 'nodes',
  image: 'image',
  device: 'device',
  settings: 'setting',
}

/** Pure: the words that begin as the last one does. A node set is completed behind its last comma. */
export function completionWords(query: CompletionQuery, names: readonly string[]): string[] {
  const comma = query.kind === 'nodes' ? query.prefix.lastIndexOf(',') + 1 : 0
  const [kept, begun] = [query.prefix.slice(0, comma), query.prefix.slice(comma)]
  return [...query.words, ...names].filter((word) => word.startsWith(begun)).map((word) => kept + word)
}

function chain(command: Command): Command[] {
  return command.parent ? [command, ...chain(command.parent)] : [command]
}

function optionTakesValue(command: Command, word: string): boolean {
  const options = chain(command).flatMap((one) => one.options)
  const option = options.find((one) => one.long === word || one.short === word)
  return option !== undefined && (option.required || option.optional)
}

function optionsOf(command: Command): string[] {
  const options = chain(command).flatMap((one) => one.createHelp().visibleOptions(one))
  return [...new Set(options.flatMap((option) => option.long ?? []))].sort()
}
