/** `walt node shell|console|logs|blink|dmesg|ping`: a closer look at nodes. */
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { Argument, type Command } from 'commander'
import { commandAnswer, nodeLogs, nodeView, serverStatus } from '../http/api-schema.ts'
import { type Act, type CommandContext, printJson } from './command-context.ts'
import { exitStatus, usageError } from './exit-status.ts'
import { printOutcomes, readSeconds } from './node-boot-commands.ts'
import { nodePath } from './node-commands.ts'
import { type SshCommand, sshCommand } from './ssh-command.ts'
import { printable } from './table.ts'
import { humanMoment } from './times.ts'
import { waitForNodes, waitOutcome } from './wait.ts'

export const shellCaution =
  "Caution: changes outside /persist will be lost on next node reboot. Run 'walt help show shells' for more info."

export function addNodeAccessCommands(node: Command, act: Act): void {
  node
    .command('shell')
    .description('open a root shell on a node, or run one command there (after --); waits until it is booted')
    .argument('<node>', 'name of the node')
    .argument('[command...]', 'a command; its exit status becomes that of walt')
    .option('--timeout <seconds>', 'wait no longer than this for the node', readSeconds)
    .action(act(openShell))

  node
    .command('console')
    .description('print what a virtual node wrote on its console')
    .argument('<node>', 'name of the node')
    .option('--follow', 'go on as the node writes, until Ctrl-C')
    .option('--bytes <count>', 'only so much, from the end', readCount)
    .action(act(printConsole))

  node
    .command('logs')
    .description('print what a node told the server')
    .argument('<node>', 'name of the node')
    .action(act(printLogs))

  node
    .command('blink')
    .description('make nodes blink, to find them in a rack')
    .argument('<nodes>', 'a node set')
    .addArgument(new Argument('[seconds]', 'how long').argParser(readSeconds).default(limits.cliBlinkSeconds))
    .action(act(blink))

  node
    .command('dmesg')
    .description("print the nodes' kernel logs")
    .argument('<nodes>', 'a node set')
    .action(act(printKernelLogs))

  node
    .command('ping')
    .description("ask the nodes' agents for a sign of life")
    .argument('<nodes>', 'a node set')
    .action(
      act(async (context, nodes: string) => {
        const { results } = await command(context, { nodes, command: 'ping' })
        if (context.json) printJson(context, { results })
        else printOutcomes(context, results)
        return statusOf(results)
      }),
    )
}

async function openShell(
  context: CommandContext,
  name: string,
  words: string[],
  options: { timeout?: number },
): Promise<number> {
  const [node, server] = await Promise.all([
    context.api.call({ method: 'GET', path: nodePath(name) }, nodeView),
    context.api.call({ method: 'GET', path: 'status' }, serverStatus),
  ])
  const ssh = sshCommand(
    {
      address: node.address,
      // The path is the server's; on another machine the user's own keys must do.
      keyPath: 'socket' in context.target ? server.sshKey : undefined,
      namespace: context.environment.WALT_NETNS || undefined,
    },
    words,
  )
  if (context.json) {
    printJson(context, { node: name, state: node.state, command: [ssh.program, ...ssh.arguments] })
    return exitStatus.ok
  }
  const kept = node.mode === 'hybrid-persistent'
  if (words.length === 0 && !kept) context.terminal.print(shellCaution)
  const [result] = await waitForNodes(context, name, options.timeout)
  if (!result?.ok) {
    const outcome = result ? waitOutcome(result).message : 'no longer there.'
    throw new WaltError('node-not-booted', `${name}: ${outcome}`)
  }
  return runInForeground(ssh, context.signal)
}

/** Ctrl-C goes to ssh as well, which decides; so this only waits for its end. */
function runInForeground(command: SshCommand, interruption: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command.program, command.arguments, { stdio: 'inherit' })
    child.once('error', (cause) => {
      const advice = 'It is needed for a shell on a node (Debian packages openssh-client and iproute2).'
      const message = `Cannot start "${command.program}": ${reasonOf(cause)}. ${advice}`
      reject(new WaltError('program-missing', message, { cause }))
    })
    child.once('exit', (code) => {
      // ssh's own status for a connection that ended early, here by Ctrl-C.
      const interrupted = interruption.aborted && (code ?? 255) === 255
      resolve(interrupted ? exitStatus.interrupted : (code ?? exitStatus.failed))
    })
  })
}

async function printConsole(
  context: CommandContext,
  name: string,
  options: { follow?: boolean; bytes?: number },
): Promise<undefined> {
  const query = new URLSearchParams({ follow: options.follow ? '1' : '0' })
  if (options.bytes !== undefined) query.set('bytes', String(options.bytes))
  const path = `${nodePath(name, '/console')}?${query}`
  const decoder = new TextDecoder()
  for await (const chunk of context.api.stream({ method: 'GET', path, patient: true })) {
    const text = context.json
      ? `${JSON.stringify({ console: decoder.decode(chunk, { stream: true }) })}\n`
      : chunk
    await context.terminal.write(text)
  }
  return undefined
}

async function printLogs(context: CommandContext, name: string): Promise<undefined> {
  const logs = await context.api.call({ method: 'GET', path: nodePath(name, '/logs') }, nodeLogs)
  if (context.json) printJson(context, logs)
  else if (logs.length === 0) context.terminal.note(`${name} has told nothing yet.`)
  else {
    const lines = logs.map(
      (log) => `${humanMoment(log.at)}  ${log.level.padEnd(7)}  ${printable(log.message)}`,
    )
    context.terminal.print(lines.join('\n'))
  }
  return undefined
}

async function blink(context: CommandContext, nodes: string, seconds: number): Promise<number> {
  if (seconds > limits.cliBlinkMaxSeconds) {
    throw usageError(`${seconds} is too long: nodes blink for at most ${limits.cliBlinkMaxSeconds} seconds.`)
  }
  const started = await command(context, { nodes, command: 'blink', on: true })
  const blinking = started.results.filter((result) => result.ok).map((result) => result.node)
  if (!context.json) printOutcomes(context, started.results)
  if (blinking.length === 0) {
    if (context.json) printJson(context, started)
    return statusOf(started.results)
  }
  if (!context.json) context.terminal.note(`Blinking for ${seconds} s; Ctrl-C ends it.`)
  await sleep(seconds * 1000, undefined, { signal: context.signal }).catch((thrown: unknown) => {
    if (!context.signal.aborted) throw thrown
  })
  const ended = await command(context, { nodes: blinking.join(','), command: 'blink', on: false }, true)
  if (context.json)
    printJson(context, { results: [...started.results.filter((r) => !r.ok), ...ended.results] })
  else
    printOutcomes(
      context,
      ended.results.filter((result) => !result.ok),
    )
  if (context.signal.aborted) return exitStatus.interrupted
  return statusOf([...started.results, ...ended.results])
}

async function printKernelLogs(context: CommandContext, nodes: string): Promise<number> {
  const { results } = await command(context, { nodes, command: 'dmesg' })
  if (context.json) printJson(context, { results })
  else {
    const read = results.filter((result) => result.ok)
    for (const { node, output } of read) {
      const lines = (output ?? '').trimEnd().split('\n').map(printable)
      const title = read.length > 1 ? [`== ${node}`] : []
      context.terminal.print([...title, ...lines].join('\n'))
    }
    printOutcomes(
      context,
      results.filter((result) => !result.ok),
    )
  }
  return statusOf(results)
}

type NodeCommand = { nodes: string; command: 'blink' | 'dmesg' | 'ping'; on?: boolean }

function command(context: CommandContext, body: NodeCommand, evenIfInterrupted = false) {
  const api = evenIfInterrupted ? context.uninterrupted : context.api
  return api.call({ method: 'POST', path: 'nodes/command', body }, commandAnswer)
}

function statusOf(results: readonly { ok: boolean }[]): number {
  return results.every((result) => result.ok) ? exitStatus.ok : exitStatus.failed
}

function readCount(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw usageError(`"${text}" is not a number of bytes.`)
  return Number(text)
}
