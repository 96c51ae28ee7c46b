/** A node in User Mode Linux: a kernel as a process, at the processor's own speed, without hardware. Pure. */
import type { MachineBoot, MachineCommand } from './machine-command.ts'

export type UmlFiles = {
  /** Folder that the kernel has as its root until the NFS root is there. */
  stub: string
  /** Sockets of the kernel's own console. */
  runFolder: string
  /** Preloaded library, see image-hooks/uml-stub/full-xstate.s. */
  fullXstate: string
  /** Where memory lives: a file that has no name any more as soon as it is open, on a tmpfs. */
  memoryFolder: string
}

/**
 * On a reboot that kernel runs `argv[0]` in its place, with the old parameters. It gets /bin/true for a name, so that a
 * reboot ends the process, and the next boot gets fresh ones. Its console is standard output.
 *
 * It may not be the first process of its namespace: when that kernel fails on its way down it ends itself by SIGABRT, over
 * and over (uml_abort), and a first process is spared its own signals (pid_namespaces(7)).
 */
export function umlCommand(
  boot: MachineBoot,
  place: { name: string; tap: string },
  files: UmlFiles,
): MachineCommand {
  const kernel = [
    `mem=${Math.ceil(boot.ramBytes / 1024 ** 2)}M`,
    `umid=${place.name}`,
    `uml_dir=${files.runFolder}/`,
    'con=null',
    'con0=null,fd:1',
    'ssl=null',
    ...boot.disks.map((path, index) => `ubd${index}=${path}`),
    // Its peers on the bridge send what only `gro` lets it receive: TCP segments greater than a packet.
    `vec0:transport=tap,ifname=${place.tap},mac=${boot.mac},gro=1`,
    // What a node mounts by hostfs is below the stub, not this machine's root.
    `hostfs=${files.stub}`,
    ...boot.kernelArguments.split(' '),
    // After the node's own: the last one counts for the kernel, and the stub takes the others.
    'root=/dev/root',
    'rootfstype=hostfs',
    'rootflags=/',
    'init=/init',
    'panic=1',
  ]
  return {
    command: 'bash',
    args: ['-c', '(LD_PRELOAD="$0" exec -a /bin/true linux.uml "$@"); exit', files.fullXstate, ...kernel],
    environment: { TMPDIR: files.memoryFolder },
  }
}
