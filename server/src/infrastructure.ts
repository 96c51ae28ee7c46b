/** What touches the machine itself: images, NFS, virtual machines, as the configuration has it. */
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { buildInChild } from './boot/image-build-child.ts'
import { createImages } from './boot/images.ts'
import { networkOf } from './boot/nfs-exports.ts'
import { createNfsServer } from './boot/nfs-server.ts'
import type { NodeBoots } from './boot/node-boots.ts'
import type { NodeFolders } from './boot/node-folders.ts'
import type { ServerConfig } from './config.ts'
import type { Fleet } from './fleet/fleet.ts'
import { virtualNodeModel } from './fleet/node-record.ts'
import { machineRecordsOf } from './guard.ts'
import { endLasting } from './lasting-process.ts'
import type { Log } from './log.ts'
import type { Infrastructure } from './server.ts'
import { chooseEngine, type EngineFacts, isQemuThere, probeKvm } from './vnodes/engine.ts'
import { createMachines, type Machines } from './vnodes/machines.ts'
import { createNodeNetwork, linkAliasOf } from './vnodes/network.ts'
import { endConnectionsWith } from './vnodes/stale-connections.ts'
import type { UmlFiles } from './vnodes/uml.ts'
import { prepareUml } from './vnodes/uml-stub.ts'

const umlHooks = fileURLToPath(new URL('../../image-hooks/uml-stub', import.meta.url))

export function infrastructureOf(config: ServerConfig) {
  return async (parts: { fleet: Fleet; folders: NodeFolders; log: Log }): Promise<Infrastructure> => {
    const { fleet, folders, log } = parts
    const { state, network } = config
    const recordsFolder = machineRecordsOf(state)
    const images = createImages(state)
    const nfs = createNfsServer(config.nfs.server, {
      runFolder: join(state, 'run'),
      address: network.address,
      exports: () => ({
        imagesFolder: join(state, 'images'),
        network: networkOf(network.address, network.prefix),
        nodes: fleet.list().map(({ record: { name, address } }) => {
          return { address, persistPath: folders.persistPathOf(name) }
        }),
      }),
      random: Math.random,
      log,
    })
    return {
      images: { ...images, build: (request, signal) => buildInChild(config, request, signal) },
      nfs,
      async startMachines(boots) {
        const { bridge, address, prefix } = network
        const withoutMachines = (reason: string, stop?: () => Promise<void>) =>
          noMachines(reason, () => forgetMachines(fleet, recordsFolder), stop)
        if (bridge === null) return withoutMachines('network.bridge is null in its configuration')
        const { facts, umlFiles } = await engines(config, await images.names())
        const nodeNetwork = createNodeNetwork({ bridge, address, prefix, alias: linkAliasOf(state) })
        await nodeNetwork.start()
        const engineFor = (wanted: EngineWanted) =>
          chooseEngine(wanted === 'auto' ? config.vnodes.engine : wanted, facts)
        try {
          engineFor('auto')
        } catch (thrown) {
          log.warn(`Virtual nodes cannot be run: ${reasonOf(thrown)}`)
          return withoutMachines(reasonOf(thrown), nodeNetwork.stop)
        }
        log.info(`virtual nodes run in ${engineFor('auto')}`)
        const machineBoots: NodeBoots = {
          async begin(name) {
            await endConnectionsWith(fleet.get(name).record.address, log)
            return boots.begin(name)
          },
        }
        const made = { fleet, boots: machineBoots, folders, network: nodeNetwork, engineFor, umlFiles }
        const means = { prepare: nfs.refresh, now: Date.now, random: Math.random, log }
        return createMachines({ ...made, recordsFolder, ...means })
      },
    }
  }
}

type EngineWanted = ServerConfig['vnodes']['engine']

async function engines(
  config: ServerConfig,
  imageNames: readonly string[],
): Promise<{ facts: EngineFacts; umlFiles: UmlFiles | undefined }> {
  const { state, vnodes } = config
  const cacheFolder = join(state, 'cache')
  const kernel = vnodes.engine === 'uml' ? undefined : await kernelOfSomeImage(state, imageNames)
  const [qemu, kvm, uml] = await Promise.all([
    isQemuThere(),
    probeKvm(kernel, join(cacheFolder, 'kvm-probe')),
    prepareUml({ hooks: umlHooks, cacheFolder, runFolder: join(state, 'run') }).then(
      (files) => ({ files }),
      (thrown: unknown) => ({ problem: reasonOf(thrown) }),
    ),
  ])
  if ('problem' in uml) return { facts: { qemu, kvm, umlProblem: uml.problem }, umlFiles: undefined }
  return { facts: { qemu, kvm }, umlFiles: uml.files }
}

/** To try KVM with. */
async function kernelOfSomeImage(state: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const path = join(state, 'images', name, 'fs/boot', virtualNodeModel, 'kernel')
    const found = await realpath(path).catch(() => undefined)
    if (found) return found
  }
  return undefined
}

/** Of an earlier server, which had some. */
async function forgetMachines(fleet: Fleet, recordsFolder: string): Promise<void> {
  await endLasting(recordsFolder, new Set())
  for (const { record, status } of fleet.list()) {
    if (record.virtual && status.state !== 'new') fleet.record(record.name, { type: 'machine-stopped' })
  }
}

function noMachines(
  reason: string,
  start: () => Promise<void>,
  stop: () => Promise<void> = async () => {},
): Machines {
  const refuse = () => {
    throw new WaltError('vnodes-off', `This server has no virtual nodes: ${reason}.`)
  }
  return {
    engine: 'none',
    checkAvailable: refuse,
    add: async () => refuse(),
    restart: async () => refuse(),
    remove: async () => {},
    start,
    stop,
    running: () => 0,
  }
}
