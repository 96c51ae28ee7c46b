/**
 * `walt-agent kexec`: restarts the node without its firmware. The daemon runs it as the reboot hook of an image
 * (/bin/walt-network-reboot). It asks the server what this node is to boot now, which need not be what runs; on any doubt
 * it fails and says why, and the daemon forces the reboot at once.
 */
import { readFileSync } from 'node:fs'
import { type BootReport, bootReport, bootReportPath } from '@walt/shared/boot-report'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { parseKernelCommandLine } from '@walt/shared/kernel-command-line'
import { limits } from '@walt/shared/limits'
import { parsePayload } from '@walt/shared/payloads'
import { humanSize } from '@walt/shared/sizes'
import type { Kernel } from '../linux/kernel.ts'
import { askBootParameters, type BootFile, openBootFile } from './download.ts'
import { kexecObstacle, memoryObstacle, modelObstacle, nextCommandLine } from './kexec-plan.ts'

export type KexecOptions = {
  kernel: Pick<Kernel, 'createMemoryFile' | 'loadKernel' | 'syncFileSystem' | 'reboot'>
  environment: Record<string, string | undefined>
  /** A line for whoever watches, and for the daemon, which publishes it. */
  say: (line: string) => void
  places?: Partial<typeof nodePlaces>
}

const nodePlaces = {
  bootReport: bootReportPath as string,
  commandLine: '/proc/cmdline',
  memory: '/proc/meminfo',
  kexecLoaded: '/sys/kernel/kexec_loaded',
}

/** Returns only by throwing. @throws WaltError `kexec-refused`, `download-failed`, `kernel-call-failed` */
export async function runKexec(options: KexecOptions): Promise<never> {
  const { kernel, say } = options
  const places = { ...nodePlaces, ...options.places }
  const commandLine = readFileSync(places.commandLine, 'utf8')
  const { settings } = parseKernelCommandLine(commandLine)
  const report = parsed(readIfThere(places.bootReport))
  const kernelCan = readIfThere(places.kexecLoaded) !== undefined
  refuseFor(kexecObstacle({ report, settings, allowed: options.environment.WALT_KEXEC_ALLOW, kernelCan }))
  const { serverIp: host = '', httpPort: port, nodeMac = '' } = settings

  const source = { host, port }
  const next = await askBootParameters(source, nodeMac)
  refuseFor(modelObstacle(next, settings.nodeModel))
  say(`next: the image ${next.image}, boot ${next.bootId}`)
  const signal = AbortSignal.timeout(limits.kexecDownloadMs)
  const files = [
    await openBootFile(kernel, source, next.kernel, signal),
    await openBootFile(kernel, source, next.initrd, signal),
  ] as const
  const total = files[0].bytes + files[1].bytes
  refuseFor(memoryObstacle(total, availableBytes(readFileSync(places.memory, 'utf8'))))
  const [kernelFd, initrdFd] = await fetchBoth(files, total, say)

  kernel.loadKernel({ kernelFd, initrdFd, commandLine: nextCommandLine(next.kernelArguments, commandLine) })
  say('kernel and initrd are loaded')
  if (report?.persist) await flush(kernel, say)
  say('starting the new kernel')
  kernel.reboot({ action: 'kexec' })
  throw new WaltError('kexec-refused', 'the new kernel did not start')
}

function refuseFor(obstacle: string | undefined): void {
  if (obstacle !== undefined) throw new WaltError('kexec-refused', `no kexec: ${obstacle}`)
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined
    throw thrown
  }
}

function parsed(text: string | undefined): BootReport | undefined {
  return text === undefined ? undefined : parsePayload(bootReport, text)
}

function availableBytes(meminfo: string): number {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1]
  return Number(kibibytes ?? 0) * 1024
}

/** One after the other: two at once would come no faster. */
async function fetchBoth(
  files: readonly [BootFile, BootFile],
  total: number,
  say: (line: string) => void,
): Promise<[number, number]> {
  let saidAt = performance.now()
  const progress = (before: number) => (bytes: number) => {
    const now = performance.now()
    if (now - saidAt < limits.kexecProgressMs) return
    saidAt = now
    say(`${Math.floor((100 * (before + bytes)) / total)} % of ${humanSize(total)} is here`)
  }
  const kernelFd = await files[0].fetch(progress(0))
  const initrdFd = await files[1].fetch(progress(files[0].bytes))
  say(`kernel and initrd are here, ${humanSize(total)}`)
  return [kernelFd, initrdFd]
}

/** A dead NFS server may cost the newest bytes of /persist, as in any other reboot. */
async function flush(kernel: Pick<Kernel, 'syncFileSystem'>, say: (line: string) => void): Promise<void> {
  try {
    await kernel.syncFileSystem({ path: '/persist', withinMs: limits.persistFlushMs })
  } catch (thrown) {
    say(`/persist could not be flushed: ${reasonOf(thrown)}`)
  }
}
