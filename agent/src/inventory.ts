import { readFileSync } from 'node:fs'
import { arch, totalmem } from 'node:os'
import type { Inventory } from '@walt/shared/payloads'
import { cpu, networkInterfaces, osInfo, system } from 'systeminformation'

/** What the machine is, for a person. Starts processes and takes memory: for a process of its own. */
export async function collectInventory(agentVersion: string): Promise<Inventory> {
  const [machine, processor, os, interfaces] = [
    await system(),
    await cpu(),
    await osInfo(),
    await networkInterfaces(),
  ]
  return {
    manufacturer: machine.manufacturer,
    model: machine.model || deviceTreeModel(),
    serial: machine.serial,
    processor: `${processor.manufacturer} ${processor.brand}`.trim(),
    cores: processor.cores,
    memoryBytes: totalmem(),
    architecture: arch(),
    kernel: os.kernel,
    distribution: `${os.distro} ${os.release}`.trim(),
    interfaces: [interfaces]
      .flat()
      .slice(0, 64)
      .map(({ iface, mac, ip4 }) => ({ name: iface, mac, address: ip4 })),
    agentVersion,
  }
}

/** Boards without DMI say what they are in the device tree. */
function deviceTreeModel(): string {
  try {
    return readFileSync('/proc/device-tree/model', 'latin1').replaceAll('\0', '')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw thrown
  }
}

/** `walt-agent inventory` */
export async function printInventory(agentVersion: string): Promise<void> {
  process.stdout.write(`${JSON.stringify(await collectInventory(agentVersion))}\n`)
}
