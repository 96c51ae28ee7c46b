#!/usr/bin/env node
/** walt: the command line. Wiring only. */
import { exitStatus } from './exit-status.ts'
import { runWalt } from './program.ts'
import { createScreen } from './screen.ts'
import { createTerminal } from './terminal.ts'

const interruption = new AbortController()
// The first Ctrl-C lets a command undo what it began; the second does not wait for that.
process.once('SIGINT', () => {
  interruption.abort()
  process.once('SIGINT', () => process.exit(exitStatus.interrupted))
})

// The reader of our output went away, as `head` does: nobody is left to tell.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? exitStatus.brokenPipe : exitStatus.failed)
  })
}

process.exitCode = await runWalt(process.argv.slice(2), {
  terminal: createTerminal(process.stdout, process.stderr),
  screen: createScreen(process.stdin, process.stdout),
  environment: process.env,
  signal: interruption.signal,
})
