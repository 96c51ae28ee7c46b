/**
 * Drivers of disks. A node boots without, and its initramfs has none; so the disks that may ask for a hybrid boot mode
 * only come to be when their controllers' drivers are loaded. modprobe returns when they have looked for their disks: the
 * kernel waits for asynchronous probing at the end of a module's start (kernel/module/main.c, do_init_module).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { WaltError } from '@walt/shared/errors'
import { runProgram } from './programs.ts'

const buses = ['/sys/bus/pci/devices', '/sys/bus/virtio/devices']
/** PCI base class 01: mass storage. Virtio device 2 is a block device, 8 a SCSI host. */
const pciStorage = /^pci:v\S*bc01sc/
const virtioStorage = /^virtio:d0000000[28]v/

/** Pure: of all devices' aliases, those of disk controllers. A virtual machine's PC has an IDE controller without disks. */
export function diskControllers(aliases: readonly string[], virtual: boolean): string[] {
  const kinds = virtual ? [virtioStorage] : [virtioStorage, pciStorage]
  return [...new Set(aliases.filter((alias) => kinds.some((kind) => kind.test(alias))))].toSorted()
}

export function readDeviceAliases(): string[] {
  return buses
    .filter((bus) => existsSync(bus))
    .flatMap((bus) => readdirSync(bus).map((device) => `${bus}/${device}/modalias`))
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, 'utf8').trim())
}

export async function loadDiskDrivers(devices: string[], withinMs: number): Promise<string> {
  const modprobe = ['/sbin/modprobe', '/usr/sbin/modprobe'].find((path) => existsSync(path))
  if (modprobe === undefined) throw new WaltError('modprobe-missing', 'the image has no modprobe')
  // sd_mod makes disks out of what SCSI and SATA controllers find.
  const result = await runProgram(modprobe, ['-a', '-b', ...devices, 'sd_mod'], withinMs)
  if (!result.ok) throw new WaltError('drivers-missing', result.reason)
  return `drivers of ${devices.length} disk controllers`
}
