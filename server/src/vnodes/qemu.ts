/** A node in QEMU: a PC with the image's own kernel and initramfs. Pure. */
import type { MachineBoot, MachineCommand } from './machine-command.ts'

/**
 * The machine's reboot ends the process (`-no-reboot`), so that the next boot gets fresh parameters. The serial port is
 * standard output. The SMBIOS vendor stays `QEMU`, by which WalT's own agent knows a virtual node.
 */
export function qemuCommand(boot: MachineBoot, place: { name: string; tap: string }): MachineCommand {
  const kvm = boot.engine === 'qemu-kvm'
  return {
    command: 'qemu-system-x86_64',
    args: [
      ...['-name', place.name, '-nodefaults', '-display', 'none', '-no-reboot'],
      ...(kvm ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi']),
      // Two emulated processors were seen to wait for each other for ever.
      ...['-smp', String(kvm ? boot.cores : 1), '-m', `${Math.ceil(boot.ramBytes / 1024 ** 2)}M`],
      ...['-serial', 'stdio'],
      ...['-kernel', boot.kernel, '-initrd', boot.initrd],
      ...['-append', `${boot.kernelArguments} net.ifnames=0 console=ttyS0 panic=1`],
      ...['-netdev', `tap,id=net0,ifname=${place.tap},script=no,downscript=no`],
      // No boot ROM: the kernel is given.
      ...['-device', `virtio-net-pci,netdev=net0,mac=${boot.mac},romfile=`],
      ...['-device', 'virtio-rng-pci'],
      ...boot.disks.flatMap((path, index) => [
        ...['-drive', `file=${path.replaceAll(',', ',,')},format=raw,if=none,id=disk${index},discard=unmap`],
        ...['-device', `virtio-blk-pci,drive=disk${index}`],
      ]),
    ],
    environment: {},
  }
}
