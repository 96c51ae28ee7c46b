#!/usr/bin/env node
/** `walt-server`: reads the command line, and wires. */
import { readFile } from 'node:fs/promises'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { Command, CommanderError, Option } from 'commander'
import { addImageBuildCommand } from './boot/image-build-command.ts'
import { explainServerConfig, readServerConfig, type ServerConfig } from './config.ts'
import { infrastructureOf } from './infrastructure.ts'
import { createLog } from './log.ts'
import { runUntilSignal } from './run-until-signal.ts'
import { startServer } from './server.ts'
import { version } from './version.ts'

const defaultConfigFile = '/etc/walt/server.yaml'

async function readConfigFile(path: string | undefined): Promise<ServerConfig> {
  const file = path ?? defaultConfigFile
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    // Without a file all is as "config --explain" says.
    if (path === undefined && cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
      return readServerConfig('')
    }
    throw new WaltError('config-missing', `The configuration ${file} cannot be read: ${reasonOf(cause)}`, {
      cause,
    })
  }
  return readServerConfig(text)
}

function checkRoot(config: ServerConfig): void {
  if (process.geteuid?.() === 0 || (config.nfs.server === 'none' && config.network.bridge === null)) return
  const advice =
    'Without root it can only serve what others export: nfs: { server: none }, network: { bridge: null }.'
  throw new WaltError(
    'not-root',
    `walt-server exports file systems and runs virtual nodes, which takes root. ${advice}`,
  )
}

const program = new Command('walt-server')
  .description('serves diskless nodes: boot, NFS root, swap, MQTT, HTTP API')
  .version(version)
  .exitOverride()

program
  .command('run')
  .description('run the server until it is told to stop (SIGTERM, SIGINT)')
  .option('--config <file>', `configuration (default: ${defaultConfigFile}, if there is one)`)
  .action(async (options: { config?: string }) => {
    const config = await readConfigFile(options.config)
    checkRoot(config)
    const log = createLog()
    await runUntilSignal(
      () => startServer(config, infrastructureOf(config), { version, now: Date.now, log }),
      log,
    )
  })

program
  .command('config')
  .description('explain or check a configuration')
  .addOption(new Option('--explain', 'print every key with its meaning and default').conflicts('check'))
  .option('--check <file>', 'say whether this file can be used')
  .action(async (options: { explain?: boolean; check?: string }) => {
    if (options.check === undefined) {
      process.stdout.write(explainServerConfig())
      return
    }
    await readConfigFile(options.check)
    process.stdout.write(`${options.check} can be used.\n`)
  })

addImageBuildCommand(program)

try {
  await program.parseAsync()
} catch (thrown) {
  // Commander has said what is wrong with the command line.
  if (thrown instanceof CommanderError) process.exitCode = thrown.exitCode === 0 ? 0 : 2
  else {
    process.stderr.write(`walt-server: ${reasonOf(thrown)}\n`)
    // What outlives this server is its child, and would keep it.
    process.exit(1)
  }
}
