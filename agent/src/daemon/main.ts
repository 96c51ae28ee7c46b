import { readFileSync, rmSync } from 'node:fs'
import { type BootReport, bootReport, bootReportPath } from '@walt/shared/boot-report'
import { controlPort } from '@walt/shared/control'
import { reasonOf } from '@walt/shared/errors'
import { type BootSettings, parseKernelCommandLine } from '@walt/shared/kernel-command-line'
import { limits } from '@walt/shared/limits'
import { nodeTopics } from '@walt/shared/mqtt-topics'
import { type Inventory, type NodeLog, type NodeState, parsePayload } from '@walt/shared/payloads'
import { openConsole } from '../linux/console.ts'
import type { Kernel } from '../linux/kernel.ts'
import { readUserSpace, userSpacePath } from '../userspace/next-root.ts'
import { blink } from './blink.ts'
import { awaitBooted } from './booted.ts'
import { listChanges, upperFolder } from './changes.ts'
import { createCommands } from './commands.ts'
import { createControlServer } from './control-server.ts'
import { type Guards, startGuards } from './guards.ts'
import { type HoldPath, stayInProc } from './held-paths.ts'
import { probeProgram } from './image-probe.ts'
import { readInventory } from './inventory-child.ts'
import { kernelLogTail, readKernelLog } from './kernel-log.ts'
import { createLogQueue } from './log-queue.ts'
import { openLogSocket } from './log-socket.ts'
import type { MqttLink } from './mqtt-link.ts'
import { makeNextRoot } from './next-root-child.ts'
import { createPersistFlusher } from './persist-flusher.ts'
import { createRebooter, type Rebooter } from './reboot.ts'
import { rehearse } from './rehearsal.ts'
import { createReporter } from './reporter.ts'
import { runProgram } from './run-program.ts'
import { createShells } from './shell.ts'
import { type SwapGuard, startSwapGuard } from './swap-guard.ts'
import { withSwapLost } from './telemetry.ts'
import { createTelemetryReader } from './telemetry-reader.ts'
import { startWatchdog, type Watchdog } from './watchdog.ts'

export type DaemonOptions = {
  kernel: Kernel
  /** How to start this program again: ['/usr/lib/walt/walt-agent']. */
  selfCommand: readonly string[]
  log: (message: string) => void
  /** When to end; SIGTERM unless given. */
  stop?: AbortSignal
  /** Tests give their own. */
  places?: Partial<typeof nodePlaces>
}

const nodePlaces = {
  bootReport: bootReportPath as string,
  userSpace: userSpacePath,
  commandLine: '/proc/cmdline',
  runFolder: '/run',
  onBootup: '/bin/on-bootup',
  controlPort: controlPort as number,
  sshPort: 22,
  devices: '/dev',
  modprobe: '/sbin/modprobe',
}

/**
 * Serves the control port, reports to the server, and ends at SIGTERM: the operating system's own shutdown. The caller
 * exits then: a program of the image (/bin/on-bootup) may still run.
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  let reporting: Reporting | undefined
  const say = (level: NodeLog['level']) => (message: string) => {
    options.log(message)
    reporting?.log(level, message)
  }
  const [log, warn] = [say('info'), say('warning')]
  const stop = options.stop ?? untilTerminated()
  const places = { ...nodePlaces, ...options.places }
  const { settings, problems } = parseKernelCommandLine(readFileSync(places.commandLine, 'utf8'))
  for (const problem of problems) warn(problem)
  const report = readBootReport(places.bootReport, warn)
  const userSpace = readUserSpace(places.userSpace)
  // /run outlives a user space, and the reboot that it marks is over.
  if (userSpace > 0) rmSync(`${places.runFolder}/.rebooting`, { force: true })
  // Before anything can go wrong with NFS. Tests stay where they are.
  const hold: HoldPath = options.places ? (path) => path : stayInProc(warn)
  const [runFolder, procFolder, kernelLog] = [hold(places.runFolder), hold('/proc'), hold('/dev/kmsg')]
  // Any call: it loads the C library's functions.
  options.kernel.pageBytes()

  // Held open as well: what hinders a reboot is said to whoever stands before the machine.
  const sayOnConsole = report && !options.places ? openConsole('walt: ') : () => undefined
  let watchdog: Watchdog | undefined
  let guards: Guards | undefined
  let swapGuard: SwapGuard | undefined
  const flusher = report?.persist ? createPersistFlusher('/persist') : undefined
  const rebooter = createRebooter({
    report,
    kexecAllowed: settings.kexec,
    hookMs: settings.rebootHookMs,
    graceMs: settings.rebootGraceMs,
    kernel: options.kernel,
    // With the root gone, looking would only take a thread that telemetry needs.
    probeProgram: async (path) => (guards?.rootAnswers() === false ? 'unanswered' : probeProgram(path)),
    runProgram,
    makeNextRoot: () => makeNextRoot(options.selfCommand),
    hookSaid: log,
    watchdog: () => watchdog,
    markPath: `${runFolder}/.rebooting`,
    flushPersist: flusher?.flush,
    announce: (cause) => soon(reporting?.setState('rebooting', cause)),
    // In order, so that the last will of this boot cannot come in the middle of the next one.
    farewell: () => soon(reporting?.stop()),
    warn(message) {
      sayOnConsole(message)
      warn(message)
    },
  })
  const server = createControlServer({
    port: places.controlPort,
    allowed: [...(settings.serverIp ? [settings.serverIp] : []), ...settings.controlAllow],
    actions: {
      prepareReboot: rebooter.prepare,
      kernelLog: () => readKernelLog(kernelLog),
      blink: (on) => blink(on),
      openShell: createShells({ kernel: options.kernel, procFolder, warn }),
      unsentBytes: (fd) => options.kernel.socketUnsentBytes({ fd }),
    },
    warn,
  })
  await server.start()
  log(`control port ${server.port()} is open`)

  // The port is served by now; whatever happens to the rest, it goes on being served.
  if (report) {
    reporting = await startReporting(options, {
      settings,
      report,
      userSpace,
      rebooter,
      refused: server.refused,
      warn,
      hold,
      kernelLog,
      runFolder,
      swapLostSeconds: () => swapGuard?.lostSeconds(),
    }).catch((thrown) => {
      warn(`nothing can be reported to the server: ${reasonOf(thrown)}`)
      return undefined
    })
    followBoot({ report, places, runFolder, reporting, stop, log, warn, selfCommand: options.selfCommand })
  }
  if (report && !options.places) {
    const alert = (level: NodeLog['level'], message: string) => {
      sayOnConsole(message)
      say(level)(message)
    }
    const { serverIp: address, nbdPort: port } = settings
    if (report.swapBytes > 0 && address) {
      const { kernel } = options
      const { swapBytes } = report
      swapGuard = startSwapGuard({
        ...{ kernel, server: { address, port }, swapBytes, procFolder },
        say: alert,
        reboot: rebooter.force,
      })
    }
    guards = startGuards({
      ...{ settings, mode: report.mode, hold, runFolder, procFolder },
      say: alert,
      setDegraded: (degraded, cause) => reporting?.setDegraded(degraded, cause),
      reboot: rebooter.force,
    })
    rehearse({ kernel: options.kernel, report }).catch((thrown) =>
      warn(`the rehearsal failed: ${reasonOf(thrown)}`),
    )
  }
  const watching = report && watchOver(options.kernel, { settings, places, log, warn })
  watching?.then((found) => {
    watchdog = found
  }, warn)
  await aborted(stop)
  if (!rebooter.underWay()) await soon(reporting?.setState('down', 'the operating system shuts down'))
  await soon(reporting?.stop())
  await server.stop()
  endWatch(await watching, rebooter.underWay())
  guards?.stop()
  swapGuard?.stop()
  flusher?.stop()
}

async function watchOver(
  kernel: Kernel,
  daemon: Pick<Boot, 'places' | 'log' | 'warn'> & { settings: BootSettings },
): Promise<Watchdog | undefined> {
  const { settings, places, log, warn } = daemon
  if (settings.watchdogSeconds === 'off') {
    log('no watchdog, as walt.watchdog=off says')
    return undefined
  }
  return startWatchdog({
    devices: places.devices,
    seconds: settings.watchdogSeconds,
    kernel,
    loadSoftdog: () => runProgram(places.modprobe, ['softdog'], { timeoutMs: limits.watchdogModprobeMs }),
    log,
    warn,
  })
}

/** At the end of a system that is shut down for a reboot of ours, the watchdog sees to it that it gets there. */
function endWatch(watchdog: Watchdog | undefined, rebooting: boolean): void {
  if (rebooting) watchdog?.leave(limits.watchdogShutdownSeconds)
  watchdog?.stop(!rebooting)
}

function readBootReport(path: string, warn: (message: string) => void): BootReport | undefined {
  try {
    return parsePayload(bootReport, readFileSync(path))
  } catch (thrown) {
    warn(`${path}: ${reasonOf(thrown)}; this machine was not booted by walt-agent, so it is left as it is`)
    return undefined
  }
}

type Reporting = {
  setState: (state: NodeState['state'], cause: string | undefined) => Promise<boolean>
  setDegraded: (degraded: boolean, cause: string) => void
  setInventory: (inventory: Inventory) => void
  log: (level: NodeLog['level'], message: string) => void
  stop: () => Promise<void>
}

type Daemon = {
  settings: BootSettings
  report: BootReport
  userSpace: number
  rebooter: Rebooter
  refused: () => number
  warn: (message: string) => void
  hold: HoldPath
  kernelLog: string
  runFolder: string
  swapLostSeconds: () => number | undefined
}

/** Undefined when the command line does not say who and where. */
async function startReporting(options: DaemonOptions, daemon: Daemon): Promise<Reporting | undefined> {
  const { settings, report, userSpace } = daemon
  const { serverIp: host, nodeName: node, token, bootId } = settings
  if (!host || !node || !token || !bootId) {
    options.log('walt.server.ip=, walt.node.name=, walt.boot.id= or walt.token= is missing: no MQTT')
    return undefined
  }
  const image = report.image ?? settings.image
  const identity = {
    bootId,
    mode: report.mode,
    ...(image !== undefined && { image }),
    ...(userSpace > 0 && { userSpace }),
  }
  // Loaded only now: the control port must not wait for it.
  const { createMqttLink } = await import('./mqtt-link.ts')
  const sample = createTelemetryReader({ bootId, hold: daemon.hold })
  const reporter = createReporter({
    node,
    identity,
    bootReport: report,
    nowMs: Date.now,
    link: () => link,
    sample: async () => withSwapLost(await sample(Date.now(), daemon.refused()), daemon.swapLostSeconds()),
  })
  const commands = createCommands({
    node,
    bootId,
    userSpace,
    nowMs: Date.now,
    prepareReboot: daemon.rebooter.prepare,
    prepareUserSpace: daemon.rebooter.prepareUserSpace,
    blink: (on) => blink(on),
    kernelLogTail: (maxBytes) => kernelLogTail(maxBytes, readKernelLog(daemon.kernelLog)),
    changes: () =>
      listChanges({
        upper: upperFolder(report, daemon.runFolder),
        readyPath: `${daemon.runFolder}/uptime-ready`,
        nowMs: Date.now,
      }),
    reply: (topic, reply) => link.publish(topic, reply, { qos: 1, retain: false }),
    warn: daemon.warn,
  })
  const lost: NodeState = { ...identity, state: 'down', since: Date.now(), cause: 'the connection was lost' }
  const link: MqttLink = createMqttLink({
    host,
    port: settings.mqttPort,
    user: node,
    password: token,
    clientId: `${node}-${bootId}`,
    will: { topic: nodeTopics(node).state, payload: lost },
    subscribeTo: nodeTopics(node).commands,
    onConnected() {
      reporter.tellAll()
      void lines.flush()
    },
    onMessage: (topic, payload) => void commands.handle(topic, payload),
    log: options.log,
    random: Math.random,
  })
  const lines = createLogQueue({
    nowMs: Date.now,
    connected: () => link.connected(),
    publish: (batch) => link.publish(nodeTopics(node).lines, batch, { qos: 1, retain: false }),
  })
  const logPath = `${daemon.runFolder}/walt-log.sock`
  const socket = await openLogSocket({ path: logPath, add: lines.add, warn: daemon.warn }).catch((thrown) => {
    daemon.warn(`programs cannot log: ${logPath}: ${reasonOf(thrown)}`)
    return undefined
  })
  link.start()
  reporter.start()
  return {
    setState: reporter.setState,
    setDegraded: reporter.setDegraded,
    setInventory: reporter.setInventory,
    log: reporter.log,
    async stop() {
      reporter.stop()
      await soon(lines.flush())
      await link.stop()
      await socket?.stop()
    },
  }
}

type Boot = {
  report: BootReport
  places: typeof nodePlaces
  runFolder: string
  reporting: Reporting | undefined
  stop: AbortSignal
  log: (message: string) => void
  warn: (message: string) => void
  selfCommand: readonly string[]
}

/** In the background: when the node is booted, and then what it is. */
function followBoot({ report, places, runFolder, reporting, stop, log, warn, selfCommand }: Boot): void {
  function tell(cause: string | undefined): void {
    log(`booted in ${report.mode} mode`)
    if (!reporting) return
    void reporting.setState('booted', cause)
    readInventory(selfCommand).then(reporting.setInventory, (thrown) => warn(reasonOf(thrown)))
  }
  awaitBooted({
    sshPort: places.sshPort,
    sshAbsentMs: limits.sshAbsentMs,
    runFolder,
    uptimePath: '/proc/uptime',
    onBootupPath: places.onBootup,
    probeProgram,
    runProgram,
    report: tell,
    warn,
    signal: stop,
  }).catch((thrown) => warn(`the boot could not be followed: ${reasonOf(thrown)}`))
}

function soon(told: Promise<unknown> | undefined): Promise<unknown> {
  return Promise.race([told, new Promise((resolve) => setTimeout(resolve, limits.mqttGoodbyeMs).unref())])
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function untilTerminated(): AbortSignal {
  const stop = new AbortController()
  process.once('SIGTERM', () => stop.abort())
  process.once('SIGINT', () => stop.abort())
  return stop.signal
}
