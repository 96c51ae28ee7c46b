/** walt-agent: chooses what to be. Everything is imported when it is needed, since a node pays for what is loaded. */
import { readFileSync, writeSync } from 'node:fs'
import { isSea } from 'node:sea'
import { parseArgs } from 'node:util'
import { reasonOf, WaltError } from '@walt/shared/errors'
import type { LogVerb } from './log-command.ts'
import { agentVersion } from './version.ts'

const usage = `walt-agent ${agentVersion}: makes this machine a diskless node, and keeps it in touch with its server.

  walt-agent boot                          set the node up as its first process (PID 1), then become its init
  walt-agent boot --plan [--cmdline TEXT]  show the steps for a kernel command line, and touch nothing
                                           ("-" reads it from standard input)
  walt-agent daemon                        control port, state, telemetry: what stays on a running node
  walt-agent kexec                         restart into the kernel that the server has for this node (a reboot hook)
  walt-agent next-root                     make a fresh root for the restart of user space alone
  walt-agent log-echo STREAM TEXT          write a line to the log of the platform; log-cat STREAM: its input, line
                                           by line; log-tee STREAM: the same, and passes it on
  walt-agent inventory                     the machine's hardware as JSON
  walt-agent version
  walt-agent help
`

async function boot(args: string[]): Promise<void> {
  const options = { plan: { type: 'boolean', default: false }, cmdline: { type: 'string' } } as const
  const { values } = parseArgs({ args, options })
  const { runBoot } = await import('./boot/main.ts')
  const commandLine = values.plan && values.cmdline === '-' ? readFileSync(0, 'utf8') : values.cmdline
  await runBoot({ plan: values.plan, commandLine })
}

async function daemon(): Promise<void> {
  const { runDaemon } = await import('./daemon/main.ts')
  const { createLibcKernel } = await import('./linux/libc-kernel.ts')
  const [program, script] = process.argv
  // A single binary starts again as itself; under plain Node the script comes along.
  const selfCommand = isSea() ? [process.execPath] : [program!, ...process.execArgv, script!]
  const log = (message: string) => void writeSync(1, `${message}\n`)
  await runDaemon({ kernel: createLibcKernel(), selfCommand, log })
  // A program of the user's that still runs (/bin/on-bootup) must not keep the daemon alive past its end.
  process.exit(0)
}

async function kexec(): Promise<void> {
  const { openConsole } = await import('./linux/console.ts')
  const say = openConsole('walt kexec: ', [2])
  try {
    const { runKexec } = await import('./kexec/main.ts')
    const { createLibcKernel } = await import('./linux/libc-kernel.ts')
    await runKexec({ kernel: createLibcKernel(), environment: process.env, say })
  } catch (thrown) {
    say(reasonOf(thrown))
    // A download that is still under way must not keep the reboot waiting.
    process.exit(1)
  }
}

async function nextRoot(): Promise<void> {
  const { runNextRoot } = await import('./userspace/main.ts')
  const { createLibcKernel } = await import('./linux/libc-kernel.ts')
  try {
    await runNextRoot(createLibcKernel())
  } catch (thrown) {
    // As it is: the daemon answers with it.
    writeSync(2, `${reasonOf(thrown)}\n`)
    process.exitCode = 1
  }
}

async function log(verb: LogVerb, args: string[]): Promise<void> {
  const { runLogCommand } = await import('./log-command.ts')
  await runLogCommand(verb, args, { input: process.stdin, output: process.stdout })
}

async function inventory(): Promise<void> {
  const { printInventory } = await import('./inventory.ts')
  await printInventory(agentVersion)
}

async function run(command: string, args: string[]): Promise<void> {
  switch (command) {
    case 'boot':
      return boot(args)
    case 'daemon':
      return daemon()
    case 'kexec':
      return kexec()
    case 'next-root':
      return nextRoot()
    case 'log-echo':
    case 'log-cat':
    case 'log-tee':
      return log(command, args)
    case 'inventory':
      return inventory()
    case 'version':
    case '--version':
      writeSync(1, `${agentVersion}\n`)
      return
    case 'help':
    case '--help':
      writeSync(1, usage)
      return
    default:
      throw new WaltError('command-unknown', `"${command}" is no command of walt-agent.\n\n${usage}`)
  }
}

const [command = 'help', ...args] = process.argv.slice(2)
run(command, args).catch((thrown: unknown) => {
  writeSync(2, `walt-agent ${command}: ${reasonOf(thrown)}\n`)
  process.exitCode = 1
})
