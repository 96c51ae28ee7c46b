/** Whether this node may restart by kexec, and what the next kernel is told. Pure. */
import type { BootParametersView } from '@walt/shared/boot-parameters'
import type { BootReport } from '@walt/shared/boot-report'
import { type BootSettings, splitCommandLine } from '@walt/shared/kernel-command-line'
import { humanSize } from '@walt/shared/sizes'

export type KexecFacts = {
  /** Undefined: the agent did not boot this machine. */
  report: Pick<BootReport, 'mode' | 'virtual'> | undefined
  settings: Pick<BootSettings, 'kexec' | 'serverIp' | 'nodeMac' | 'nodeModel'>
  /** WALT_KEXEC_ALLOW, as the daemon hands it to a hook. */
  allowed: string | undefined
  /** Whether the kernel can: it has /sys/kernel/kexec_loaded. */
  kernelCan: boolean
}

/** Undefined: nothing is in the way. */
export function kexecObstacle({ report, settings, allowed, kernelCan }: KexecFacts): string | undefined {
  if (!report) return 'this machine was not booted by walt-agent'
  if (report.virtual) return 'this node is virtual: its machine is to be really restarted'
  if (report.mode !== 'network') return `this node booted in ${report.mode} mode`
  if (!settings.kexec || allowed === '0') return 'kexec is not allowed on this node (kexec.allow=false)'
  if (!kernelCan) return 'the kernel that runs cannot kexec'
  if (!settings.serverIp || !settings.nodeMac) {
    return 'walt.server.ip= or walt.node.mac= is missing on the kernel command line'
  }
  return undefined
}

/** What the machine needs whatever it boots: its loader says it, not the server. */
const machineWords = ['console', 'earlycon', 'net.ifnames', 'panic', 'BOOTIF']

const nameOf = (word: string) => word.split('=', 1)[0] ?? ''

/** The server's arguments, and the words of the running kernel that belong to the machine, where the server has none. */
export function nextCommandLine(kernelArguments: string, running: string): string {
  const given = new Set(splitCommandLine(kernelArguments).map(nameOf))
  const kept = splitCommandLine(running).filter((word) => {
    return machineWords.includes(nameOf(word)) && !given.has(nameOf(word))
  })
  return [kernelArguments, ...new Set(kept)].join(' ')
}

/** A kernel for another kind of machine would not come up. */
export function modelObstacle(
  next: Pick<BootParametersView, 'model'>,
  ours: string | undefined,
): string | undefined {
  if (ours === undefined || next.model === ours) return undefined
  return `the server has a kernel for ${next.model}, and this is ${ours}`
}

/** The files are in memory, are read into the kernel, and are copied to where they are started. */
const copies = 3

export function memoryObstacle(fileBytes: number, availableBytes: number): string | undefined {
  const needed = copies * fileBytes
  if (availableBytes >= needed) return undefined
  return `kernel and initrd need ${humanSize(needed)} of memory, and ${humanSize(availableBytes)} are free`
}
