/**
 * One running server: the parts, wired. Each part that is started leaves its stop on a stack; a stop, or a start that
 * fails half-way, takes them down in reverse.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { setTopics } from '@walt/shared/mqtt-topics'
import type { NfsServer } from './boot/nfs-server.ts'
import { createNodeBoots, type NodeBoots } from './boot/node-boots.ts'
import { createNodeFolders, type NodeFolders } from './boot/node-folders.ts'
import { createBroker } from './broker/broker.ts'
import { createMessageReceiver } from './broker/receive-message.ts'
import type { ServerConfig } from './config.ts'
import { createBootTickets } from './fleet/boot-tickets.ts'
import { createBootWatch } from './fleet/boot-watch.ts'
import { type ControlRequestLine, requestOfNode } from './fleet/control-client.ts'
import { createDevices } from './fleet/devices.ts'
import { createFleet, type Fleet } from './fleet/fleet.ts'
import { createNodeLifecycle, type ImageCheck } from './fleet/node-lifecycle.ts'
import { createNodeRequests } from './fleet/node-requests.ts'
import { kexecCause } from './fleet/node-status.ts'
import { createOrchestrator } from './fleet/orchestrator.ts'
import { expectReconnects, recallBoots } from './fleet/past-run.ts'
import { createRebootReasons } from './fleet/reboot-reasons.ts'
import { createUserspaceReboot } from './fleet/userspace-reboot.ts'
import { isSomethingLeft, startGuard } from './guard.ts'
import { addBootRoutes } from './http/boot-routes.ts'
import { addDeviceRoutes } from './http/device-routes.ts'
import { addDocumentRoute } from './http/document-routes.ts'
import { createHttpServer } from './http/http-server.ts'
import { addImageRoutes, type ImageCatalog } from './http/image-routes.ts'
import { addHealthRoutes } from './http/metrics-routes.ts'
import { addNodeRoutes } from './http/node-routes.ts'
import { addDashboardRoute, addStatusRoutes } from './http/status-routes.ts'
import { builtWebFolder, readWebFiles } from './http/web-files.ts'
import { addWebRoutes } from './http/web-routes.ts'
import type { Log } from './log.ts'
import { createMonitoring } from './monitoring.ts'
import { createCommandPower } from './power/command-power.ts'
import { createIpmiPower } from './power/ipmi-power.ts'
import { createPoePower } from './power/poe-power.ts'
import { createVirtualPower } from './power/power-driver.ts'
import { sameSecret } from './same-secret.ts'
import { createServerStatus } from './server-status.ts'
import { ensureSshKey, lockStateFolder, makeStateFolder, readOrMakeSecret } from './state-folder.ts'
import { openPostgresqlStore } from './store/postgresql-store.ts'
import { openSqliteStore } from './store/sqlite-store.ts'
import { startSwap } from './swap/start-swap.ts'
import type { Machines } from './vnodes/machines.ts'

export type RunningServer = { stop(): Promise<void> }

/** What touches the machine itself, and needs root. */
export type Infrastructure = {
  images: ImageCatalog & ImageCheck
  nfs: NfsServer
  /** Makes the network of the machines, and starts none yet. */
  startMachines(boots: NodeBoots): Promise<Machines>
}

/** @throws WaltError that says what is in the way */
export async function startServer(
  config: ServerConfig,
  infrastructure: (parts: { fleet: Fleet; folders: NodeFolders; log: Log }) => Promise<Infrastructure>,
  options: { version: string; now: () => number; log: Log },
): Promise<RunningServer> {
  const { now, log } = options
  /** `lasts`: it may go on without this server. */
  const stops: { what: string; stop: () => Promise<unknown> | unknown; lasts?: boolean }[] = []
  let recovering = false
  let stopping = false
  async function stop(keepLasting = false): Promise<void> {
    stopping = true
    for (const { what, stop: end, lasts = false } of stops.splice(0).reverse()) {
      if (lasts && keepLasting) continue
      // One part that will not stop may not keep the others.
      await withDeadline(Promise.resolve().then(end), what).catch((thrown) => log.error(reasonOf(thrown)))
    }
  }
  try {
    await start()
  } catch (thrown) {
    // What has outlived a server is left to the next try, or to the guard.
    await stop(recovering)
    throw thrown
  }
  return { stop: () => stop() }

  async function start(): Promise<void> {
    const { state, network } = config
    const startedAt = now()
    await makeStateFolder(state)
    stops.push({ what: 'the lock', stop: await lockStateFolder(state) })
    recovering = await isSomethingLeft(state)
    if (network.bridge !== null || config.nfs.server === 'ganesha') {
      stops.push({ what: 'the guard', stop: await startGuard(state, config.vnodes.grace), lasts: true })
    }
    const { privateKey: sshKey } = await ensureSshKey(state)
    const store = await (config.store.postgresql === null
      ? openSqliteStore(join(state, 'db/walt.sqlite'))
      : openPostgresqlStore(config.store.postgresql, { now, log }))
    stops.push({ what: 'the store', stop: store.close })
    const tickets = await createBootTickets({ store, now })
    const fleet = await createFleet({ store, tickets, network, now, log })
    stops.push({ what: 'the registry', stop: fleet.settled })
    const monitoring = createMonitoring({
      ...{ fleet, store, now, log },
      webhook: config.alerts.webhook,
      publish: (topic, payload) => broker.publish(topic, payload),
      figures: {
        version: options.version,
        broker: () => ({ connections: broker.connections(), refused: broker.refused() }),
        swap: () => ({ ...swap.status(), quotaBytes: config.swap.quotaBytes }),
      },
    })
    stops.push({ what: 'the log and the history', stop: monitoring.stop })
    const { history, boots: bootHistory, logbook } = monitoring
    recallBoots(fleet, tickets.current)
    const devices = await createDevices(store)

    const folders = createNodeFolders(state)
    const boots = createNodeBoots({ fleet, folders, config })
    const { images, nfs, startMachines } = await infrastructure({ fleet, folders, log })
    const machines = await startMachines(boots)
    stops.push({ what: 'the virtual nodes', stop: machines.stop, lasts: true })
    // What is exported must be there.
    for (const { record } of fleet.list()) await folders.prepare(record.name, record.image)
    stops.push({ what: 'the NFS server', stop: nfs.stop, lasts: true })
    await nfs.start()

    const addresses = [...new Set([network.address, '127.0.0.1'])]
    const swap = await startSwap({
      config,
      fleet,
      tickets,
      hosts: addresses,
      tellNode: logbook.addNodeLog,
      now,
      log,
    })
    stops.push({ what: 'the swap server', stop: swap.stop })

    const askNode = (
      address: string,
      request: ControlRequestLine,
      how: { wholeAnswer: boolean; signal?: AbortSignal },
    ) => requestOfNode({ address, localAddress: network.address }, request, how)
    const requests = createNodeRequests({
      publish: (topic, payload) => broker.publish(topic, payload),
      currentBootId: (node) => tickets.current(node)?.bootId,
      userSpace: (node) => fleet.find(node)?.status.userSpace ?? 0,
      now,
      randomId: randomUUID,
    })
    const orchestrator = createOrchestrator({
      fleet,
      power: [
        createVirtualPower(machines),
        createCommandPower(),
        createIpmiPower(),
        createPoePower(devices.find),
      ],
      softReboot: (address) => askNode(address, 'REBOOT', { wholeAnswer: false }),
      whatRebootChanges: createRebootReasons({
        node: fleet.get,
        currentBoot: tickets.current,
        imageBuiltAt: images.builtAt,
        changesOf: requests.changesOf,
      }),
      userspaceReboot: createUserspaceReboot({
        fleet,
        currentBoot: tickets.current,
        imageBuiltAt: images.builtAt,
        restartUserSpace: requests.restartUserSpace,
      }),
      log,
    })

    const operatorPassword = await readOrMakeSecret(join(state, 'run/operator.password'))
    const receive = createMessageReceiver({
      ...{ fleet, history, boots: bootHistory, logbook },
      currentBootId: (node) => tickets.current(node)?.bootId,
      rebootSet(set, { hard = false, userspace = false, requestedBy = 'operator' }) {
        const answer = (results: unknown) =>
          broker.publish(setTopics(set).rebooted, JSON.stringify({ results }))
        Promise.resolve()
          .then(() => orchestrator.reboot({ names: fleet.resolve(set), hard, userspace, requestedBy }))
          .then(answer, (thrown) => {
            log.warn(`MQTT: reboot of "${set}": ${reasonOf(thrown)}`)
            answer([{ node: set, ok: false, message: reasonOf(thrown) }])
          })
      },
      receiveReply: requests.receive,
      log,
    })
    const broker = await createBroker({
      addresses,
      port: config.broker.port,
      authenticate(user, password) {
        if (user === 'operator')
          return sameSecret(operatorPassword, password) ? { kind: 'operator' } : undefined
        const ticket = tickets.current(user)
        return ticket && tickets.check(user, password)
          ? { kind: 'node', name: user, bootId: ticket.bootId }
          : undefined
      },
      onMessage: receive,
      onNodeGone: ({ name, bootId }) => fleet.record(name, { type: 'connection-lost', bootId }),
      now,
      log,
    })
    stops.push({ what: 'the broker', stop: broker.stop })
    stops.push({ what: 'the wait for nodes', stop: expectReconnects(fleet, broker.isConnected) })

    const forgetBoots = (node: string, currentBootId: string | undefined) => {
      broker.disconnect(node, currentBootId)
      swap.forget(node, currentBootId)
    }
    whenOldBootsAreOver(fleet, forgetBoots)
    const lifecycle = createNodeLifecycle({
      fleet,
      folders,
      images,
      machines,
      orchestrator,
      onCreated: nfs.refresh,
      async onRemoved(name) {
        forgetBoots(name, undefined)
        await nfs.refresh()
      },
    })
    const readStatus = createServerStatus({
      ...options,
      config,
      startedAt,
      sshKey,
      fleet,
      broker,
      swap,
      nfs,
      machines,
      images,
    })
    const origin = `http://${network.address}:${config.http.port}`
    const token = await readOrMakeSecret(join(state, 'run/api.token'))
    const web = await readWebFiles(builtWebFolder)
    const http = createHttpServer({
      socket: config.http.socket,
      addresses,
      port: config.http.port,
      token,
      answered: monitoring.answered,
      addGuarded: monitoring.addMetrics,
      addOpen(app) {
        addHealthRoutes(app, () => [
          ...store.problems(),
          ...(nfs.state() === 'starting' ? ['the NFS server is starting'] : []),
          ...(stopping ? ['the server is stopping'] : []),
        ])
        addWebRoutes(app, web, options.version)
        addBootRoutes(app, {
          fleet,
          boots,
          bootFile: ({ image, model }, file) => join(folders.imagePathOf(image), 'boot', model, file),
          origin,
        })
      },
      addApi(app, context) {
        addStatusRoutes(app, readStatus)
        addDocumentRoute(app, options.version)
        addDashboardRoute(app, origin, token)
        const { consolePathOf } = folders
        addNodeRoutes(app, {
          ...context,
          fleet,
          lifecycle,
          orchestrator,
          commander: askNode,
          requests,
          ...{ history, logbook },
          consolePathOf,
        })
        addDeviceRoutes(app, devices)
        addImageRoutes(app, { ...context, fleet, images })
        monitoring.addApi(app, context)
      },
      log,
    })
    await machines.start()
    await monitoring.start()
    stops.push({ what: 'the HTTP API', stop: http.stop })
    await http.start()
    const { powerOption, hardReboot } = orchestrator
    const watch = createBootWatch({
      ...{ fleet, powerOption, hardReboot, now, log },
      monotonic: () => performance.now(),
    })
    watch.start()
    stops.push({ what: 'the watch over boots', stop: watch.stop })
    log.info(
      `walt-server ${options.version} is up: ${fleet.list().length} nodes, API at ${config.http.socket}`,
    )
    log.info(`Dashboard at ${origin}/: "walt dashboard" prints a link that logs in`)
  }

  async function withDeadline(work: Promise<unknown>, what: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const error = new WaltError(
        'stop-failed',
        `${what} did not stop within ${limits.serverStopMs / 1000} s`,
      )
      timer = setTimeout(() => reject(error), limits.serverStopMs)
    })
    await Promise.race([work, late]).finally(() => clearTimeout(timer))
  }
}

/**
 * Calls back when nothing of a node's older boots can be alive any more. A new boot may begin (kexec) while the system of
 * the old one still runs, on its swap: that one is over for certain when a virtual node's machine is started anew, and
 * when the new boot speaks.
 */
function whenOldBootsAreOver(
  fleet: Fleet,
  forget: (node: string, currentBootId: string | undefined) => void,
): void {
  fleet.subscribe(({ name, node, before }) => {
    if (!node || !before) return
    const { bootId, state, cause } = node.status
    const begun = node.record.virtual && bootId !== before.bootId && cause !== kexecCause
    if (begun || (state === 'booted' && before.state !== 'booted')) forget(name, bootId)
  })
}
