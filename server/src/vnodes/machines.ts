/** The machines of all virtual nodes. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { parseNodeDisks } from '@walt/shared/node-disks'
import { parseSize } from '@walt/shared/sizes'
import type { NodeBoots } from '../boot/node-boots.ts'
import type { NodeFolders } from '../boot/node-folders.ts'
import type { Fleet, FleetNode } from '../fleet/fleet.ts'
import { endLasting } from '../lasting-process.ts'
import type { Log } from '../log.ts'
import { prepareDisks } from './disks.ts'
import type { Engine } from './engine.ts'
import { createMachine, type Machine } from './machine.ts'
import type { MachineBoot, MachineCommand } from './machine-command.ts'
import { type NodeNetwork, tapNameOf } from './network.ts'
import { qemuCommand } from './qemu.ts'
import { type UmlFiles, umlCommand } from './uml.ts'

export type Machines = {
  readonly engine: string
  checkAvailable(): void
  add(name: string): Promise<void>
  /** Hard reboot. @throws WaltError `vnode-unknown` */
  restart(name: string): Promise<void>
  remove(name: string): Promise<void>
  /** Starts the machines of all virtual nodes, but for those that go on since an earlier server. */
  start(): Promise<void>
  stop(): Promise<void>
  running(): number
}

export function createMachines(options: {
  fleet: Fleet
  boots: NodeBoots
  folders: NodeFolders
  network: NodeNetwork
  /** The engine of a node that asks for this one. @throws WaltError where it cannot be had */
  engineFor: (wanted: 'auto' | 'qemu' | 'uml') => Engine
  umlFiles: UmlFiles | undefined
  /** Of the machines' processes, see lasting-process.ts. */
  recordsFolder: string
  /** What must be done before a node's first boot: its exports. */
  prepare: () => Promise<void>
  now: () => number
  random: () => number
  log: Log
}): Machines {
  const { fleet, boots, folders, network, umlFiles, recordsFolder } = options
  const machines = new Map<string, { machine: Machine; tap: string }>()
  let stopping = false

  async function nextBoot(name: string): Promise<MachineBoot> {
    const settings = fleet.settingsOf(name)
    const engine = options.engineFor(settings.engine)
    // A kernel that was killed leaves its folder of sockets, which the next one could take for that of a living one.
    if (umlFiles) await rm(join(umlFiles.runFolder, name), { recursive: true, force: true })
    const disks = await prepareDisks(folders.disksPathOf(name), parseNodeDisks(settings.disks))
    const { ticket, parameters } = await boots.begin(name)
    const image = folders.imagePathOf(ticket.image)
    return {
      bootId: ticket.bootId,
      kernelArguments: parameters.kernelArguments,
      kernel: join(image, parameters.kernelPath),
      initrd: join(image, parameters.initrdPath),
      mac: fleet.get(name).record.mac,
      ramBytes: Math.max(limits.machineRamMinBytes, parseSize(settings.ram)),
      disks,
      cores: settings['cpu.cores'],
      engine,
    }
  }

  function commandOf(boot: MachineBoot, name: string, tap: string): MachineCommand {
    if (boot.engine !== 'uml') return qemuCommand(boot, { name, tap })
    if (!umlFiles) throw new WaltError('engine-missing', 'User Mode Linux was not prepared.')
    return umlCommand(boot, { name, tap }, umlFiles)
  }

  function machineOf(name: string, tap: string): Machine {
    return createMachine({
      name,
      consolePath: folders.consolePathOf(name),
      record: join(recordsFolder, name),
      nextBoot: () => nextBoot(name),
      commandOf: (boot) => commandOf(boot, name, tap),
      onStart: (bootId) => options.log.info(`${name}: boot ${bootId}`),
      onExit(reason) {
        const removed = !machines.has(name)
        fleet.record(
          name,
          stopping || removed ? { type: 'machine-stopped' } : { type: 'machine-exited', reason },
        )
      },
      now: options.now,
      random: options.random,
      log: options.log,
    })
  }

  async function add(name: string): Promise<void> {
    if (machines.has(name)) return
    const tap = tapNameOf(fleet.get(name).record.mac)
    await network.addTap(tap)
    if (stopping || !fleet.find(name)) return network.removeTap(tap)
    const machine = machineOf(name, tap)
    machines.set(name, { machine, tap })
    await options.prepare()
    // Removed, or the server stopped, meanwhile: it would never be stopped again.
    if (!stopping && machines.get(name)?.machine === machine) await machine.start()
  }

  /** False where there is nothing to take over: no process, or one that is cut off from the network. */
  async function adopt({ record: { name, mac }, status }: FleetNode): Promise<boolean> {
    const tap = tapNameOf(mac)
    const machine = machineOf(name, tap)
    if ((await network.keepTap(tap)) && (await machine.adopt())) {
      machines.set(name, { machine, tap })
      return true
    }
    if (status.state !== 'new' && status.state !== 'off') {
      fleet.record(name, { type: 'machine-exited', reason: 'it ended while no walt-server ran' })
    }
    return false
  }

  return {
    engine: options.engineFor('auto'),
    checkAvailable() {},
    add,
    async restart(name) {
      const found = stopping ? undefined : machines.get(name)
      if (!found) throw new WaltError('vnode-unknown', `${name} is no virtual node of this server.`)
      await found.machine.restart()
    },
    async remove(name) {
      const found = machines.get(name)
      if (!found) return
      machines.delete(name)
      await found.machine.stop()
      await rm(join(recordsFolder, name), { force: true })
      await network.removeTap(found.tap)
    },
    async start() {
      const nodes = fleet.list().filter(({ record }) => record.virtual)
      const adopted = new Set<string>()
      for (const node of nodes) if (await adopt(node)) adopted.add(node.record.name)
      for (const name of await endLasting(recordsFolder, adopted)) options.log.warn(`${name} was ended`)
      await network.removeStrays()
      for (const { record } of nodes) {
        await folders.prepare(record.name, record.image)
        await add(record.name)
      }
    },
    async stop() {
      stopping = true
      await Promise.all([...machines.values()].map(({ machine }) => machine.stop()))
      machines.clear()
      await network.stop()
    },
    running: () => [...machines.values()].filter(({ machine }) => machine.running()).length,
  }
}
