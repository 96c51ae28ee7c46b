/** `walt log`: what nodes, their programs and the platform said, and say. */
import { WaltError } from '@walt/shared/errors'
import { Argument, type Command, Option } from 'commander'
import * as v from 'valibot'
import { type LogLine, logCheckpoint, logCheckpoints } from '../http/api-schema.ts'
import { type Act, type CommandContext, printJson } from './command-context.ts'
import { exitStatus, usageError } from './exit-status.ts'
import { followedLines, issuerNames, logText, pastLines, readPattern, readRange } from './log-lines.ts'
import { endable } from './server-events.ts'
import { formatTable } from './table.ts'
import { humanMoment } from './times.ts'

type FilterOptions = { issuers?: string; streams?: string }
type ShowOptions = FilterOptions & { history: string; realtime?: boolean }
type WaitOptions = FilterOptions & { mode: 'ANY' | 'ALL'; timeout?: string; history: string }

const rangeHelp =
  'full, none, or START:END; each is a checkpoint, a time ago (-30s, -5m, -2h, -1d), or left out'

const logHelp = `
A line has an issuer (a node, or "server") and a stream: "agent" is what a node's walt-agent says,
"platform" is what befalls nodes; programs on nodes choose names of their own with
walt-log-echo STREAM TEXT, walt-log-cat STREAM (its input), walt-log-tee STREAM (its input, passed on).`

export function addLogCommands(walt: Command, act: Act): void {
  const log = walt
    .command('log')
    .helpCommand(false)
    .description('read and write the log of the platform')
    .addHelpText('after', logHelp)
  const filtered = (command: Command) =>
    command
      .addArgument(new Argument('[regexp]', 'only lines whose text matches this'))
      .option('--issuers <set>', 'only lines of these: a node set, "server", or both with a comma')
      .option('--streams <regexp>', 'only lines of streams that match this')

  filtered(log.command('show').description('print log lines'))
    .addOption(new Option('--history <range>', rangeHelp).default('-1h:'))
    .option('--realtime', 'go on with what comes')
    .action(act(show))

  filtered(
    log.command('tail').description('print log lines of the last minute, and go on with what comes'),
  ).action(
    act((context, regexp: string | undefined, options: FilterOptions) => {
      return show(context, regexp, { ...options, history: '-1m:', realtime: true })
    }),
  )

  filtered(log.command('wait').description('wait for a line, and print it'))
    .addOption(
      new Option('--mode <mode>', 'ANY: the first line is enough; ALL: one of each node of --issuers')
        .choices(['ANY', 'ALL'])
        .default('ANY'),
    )
    .option('--timeout <seconds>', 'give up after so many seconds, with status 1')
    .addOption(new Option('--history <range>', `lines from before count too: ${rangeHelp}`).default('none'))
    .action(act(wait))

  log
    .command('echo')
    .description('add a line to the log')
    .argument('<stream>', 'name of the stream')
    .argument('<text...>', 'the line')
    .action(
      act(async (context, stream: string, words: string[]) => {
        const body = { stream, message: words.join(' ') }
        await context.api.call({ method: 'POST', path: 'logs', body }, v.unknown())
        return undefined
      }),
    )

  log
    .command('add-checkpoint')
    .description('give this moment a name, to be used with --history')
    .argument('<name>', 'name of the checkpoint')
    .action(
      act(async (context, name: string) => {
        const request = { method: 'POST', path: 'logs/checkpoints', body: { name } } as const
        const added = await context.api.call(request, logCheckpoint)
        if (context.json) printJson(context, added)
        else context.terminal.print(`${name}: checkpoint at ${humanMoment(added.at)}.`)
        return undefined
      }),
    )

  log
    .command('list-checkpoints')
    .description('list the checkpoints')
    .action(
      act(async (context) => {
        const all = await context.api.call({ method: 'GET', path: 'logs/checkpoints' }, logCheckpoints)
        if (context.json) printJson(context, all)
        else if (all.length === 0) context.terminal.note('There is no checkpoint.')
        else {
          const rows = all.map(({ name, at }) => [name, humanMoment(at)])
          context.terminal.print(formatTable(['name', 'at'], rows))
        }
        return undefined
      }),
    )

  log
    .command('remove-checkpoint')
    .description('remove a checkpoint; the log stays')
    .argument('<name>', 'name of the checkpoint')
    .action(
      act(async (context, name: string) => {
        const path = `logs/checkpoints/${encodeURIComponent(name)}`
        await context.api.call({ method: 'DELETE', path }, v.unknown())
        if (context.json) printJson(context, { removed: name })
        else context.terminal.print(`${name}: checkpoint removed.`)
        return undefined
      }),
    )
}

async function show(
  context: CommandContext,
  regexp: string | undefined,
  { issuers, streams, history, realtime = false }: ShowOptions,
): Promise<undefined> {
  const filter = {
    issuers,
    streams: readPattern('--streams', streams),
    message: readPattern('the argument', regexp),
  }
  const range = await readRange(context, history)
  if (range?.to !== undefined && realtime)
    throw usageError('--realtime goes on from now: leave out the end of --history.')
  if (!range && !realtime) throw usageError('--history none shows nothing without --realtime.')
  const lines = realtime ? followedLines(context, filter, range) : pastLines(context, filter, range ?? {})
  let count = 0
  for await (const line of lines) {
    count += 1
    await printLine(context, line)
  }
  if (count === 0 && !context.json) context.terminal.note('No line of the log matches.')
  return undefined
}

/** With --json, one document a line: the log may never end. */
async function printLine(context: CommandContext, line: LogLine): Promise<void> {
  await context.terminal.write(`${context.json ? JSON.stringify(line) : logText(line)}\n`)
}

async function wait(
  context: CommandContext,
  regexp: string | undefined,
  { issuers, streams, mode, timeout, history }: WaitOptions,
): Promise<number> {
  if (mode === 'ALL' && issuers === undefined)
    throw usageError('--mode ALL needs --issuers: whose lines are waited for?')
  const seconds = timeout === undefined ? undefined : Number(timeout)
  if (seconds !== undefined && !(seconds >= 0 && seconds <= 1e6))
    throw usageError(`--timeout ${timeout}: it is a number of seconds.`)
  const filter = {
    issuers,
    streams: readPattern('--streams', streams),
    message: readPattern('the argument', regexp),
  }
  const missing = mode === 'ALL' ? await issuerNames(context, issuers) : undefined
  const { follower, end } = endable(context)
  const lines = followedLines(follower, filter, await readRange(context, history))
  const late = Promise.withResolvers<'late'>()
  const timer = seconds === undefined ? undefined : setTimeout(() => late.resolve('late'), seconds * 1000)
  try {
    for (;;) {
      const coming = lines.next()
      // What is waited for no more fails when it is hung up.
      coming.catch(() => undefined)
      const next = await Promise.race([coming, late.promise])
      if (next === 'late' || next.done) break
      const line = next.value
      // Of each issuer once.
      if (missing && !missing.delete(line.issuer)) continue
      await printLine(context, line)
      if (!missing || missing.size === 0) return exitStatus.ok
    }
  } finally {
    clearTimeout(timer)
    end()
  }
  const whom = missing ? ` from ${[...missing].join(', ')}` : ''
  throw new WaltError('log-silent', `No such line came${whom} within ${timeout} s.`)
}
