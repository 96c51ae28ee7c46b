/**
 * `npm run demo`: a diskless Debian node boots over the network from a real image, is used, and is rebooted, all inside
 * a network namespace of its own. `-- --exit` ends without a prompt (status 0 only if all was as it should be),
 * `-- --fresh` builds the image anew, `-- --engine qemu|uml` chooses what runs the node.
 */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { BootReport } from '@walt/shared/boot-report'
import { controlPort } from '@walt/shared/control'
import { buildWeb } from '../../server/web/build/build-web.ts'
import { playSession } from './demo-session.ts'
import { type Platform, prepareImages, startPlatform } from './platform.ts'
import { forwardPort } from './port-forward.ts'
import { repositoryFolder } from './repository.ts'
import { createStage, type Stage } from './stage.ts'
import { ensurePackages } from './system-packages.ts'

const node = 'vnode1'
const engines = ['auto', 'qemu', 'uml'] as const

/** @throws Error that says what is wrong with the command line */
function readOptions() {
  const { values } = parseArgs({
    options: {
      exit: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      engine: { type: 'string', default: 'auto' },
    },
  })
  const engine = engines.find((one) => one === values.engine)
  if (engine === undefined) throw new Error(`--engine is ${engines.join(', ')}; not "${values.engine}".`)
  return { ...values, engine }
}

async function main(stage: Stage): Promise<void> {
  const options = readOptions()
  if (process.getuid?.() !== 0) {
    throw new Error('The demo makes a network namespace and serves NFS: run it as root, "sudo npm run demo".')
  }
  const missing = await ensurePackages('demo', (line) => stage.say(line))
  if (missing.length > 0) throw new Error('The demo needs these packages; see above.')

  await stage.part('Dashboard, agent and image, built once (a few minutes the first time)', async () => {
    await buildWeb({ force: false, say: (line) => stage.detail(`${line}\n`) })
    await prepareImages({ fresh: options.fresh, onOutput: (text) => stage.detail(text) })
  })
  const platform = await stage.part('walt-server, in a network namespace of its own', () =>
    startPlatform({ purpose: 'demo', engine: options.engine, onStop: stage.onEnd }),
  )
  const dashboard = await linkToDashboard(stage, platform)
  stage.say(`The dashboard, for a browser on this machine: ${dashboard}`)
  await stage.part(`${node}: a node of 512 MB boots over the network`, async () => {
    await stage.walt(platform, 'node', 'create', node)
    await stage.walt(platform, 'node', 'wait', node, '--timeout', '600')
  })
  await showBootSteps(stage, platform)
  await playSession(stage, platform, node)
  stage.summary()
  if (!options.exit) await prompt(stage, platform, dashboard)
}

/** At a port of this machine, since the platform is in a network of its own. */
async function linkToDashboard(stage: Stage, platform: Platform): Promise<string> {
  const { origin, stop } = await forwardPort(platform)
  stage.onEnd(stop)
  const { url } = await platform.waltJson<{ url: string }>('dashboard')
  return `${origin}/${new URL(url).hash}`
}

async function showBootSteps(stage: Stage, platform: Platform): Promise<void> {
  const { bootReport } = await platform.waltJson<{ bootReport?: BootReport }>('node', 'show', node)
  if (!bootReport) throw new Error(`${node} booted, but no boot report came from it.`)
  stage.say(`What walt-agent did before the system's own init, in ${Math.round(bootReport.totalMs)} ms:`)
  for (const step of bootReport.steps) {
    const note = step.note ? `  ${step.note}` : ''
    stage.say(
      `  ${step.name.padEnd(14)} ${step.outcome.padEnd(8)} ${String(Math.round(step.tookMs)).padStart(6)} ms${note}`,
    )
  }
}

/** A shell in which `walt` reaches this platform, until the user leaves it. */
async function prompt(stage: Stage, platform: Platform, dashboard: string): Promise<void> {
  stage.say('')
  stage.say(
    `The platform is yours. Try: walt node show, walt node shell ${node}, walt node reboot ${node}, walt help`,
  )
  stage.say(
    `(port ${controlPort} of the node: ip netns exec ${platform.namespace.name} nc 192.168.152.10 ${controlPort})`,
  )
  stage.say(`Dashboard: ${dashboard}`)
  stage.say('"exit" or Ctrl-D ends it all.')
  const bin = path.join(repositoryFolder, 'node_modules/.bin')
  await new Promise<void>((resolve) => {
    const shell = spawn('bash', ['--norc', '-i'], {
      stdio: 'inherit',
      env: {
        ...process.env,
        ...platform.environment,
        PATH: `${bin}:${process.env.PATH}`,
        PS1: 'walt-demo$ ',
      },
    })
    shell.on('close', () => resolve())
    shell.on('error', () => resolve())
  })
}

const stage = createStage()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // Again and again: a Ctrl-C comes from the terminal, and once more from npm.
  process.on(signal, async () => {
    if (!stage.ending()) stage.say(`\n${signal}: taking everything down`)
    await stage.end()
    process.exit(130)
  })
}
try {
  await main(stage)
} catch (thrown) {
  if (!stage.ending()) stage.fail(thrown)
  process.exitCode = 1
} finally {
  await stage.end()
}
