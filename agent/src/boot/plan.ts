/**
 * The boot as a list of steps. Pure: facts in, steps out; `describePlan` prints it, `run.ts` carries it out.
 *
 * The image stays as it is: it is the lower layer of an overlay whose upper layer is a tmpfs, and the overlay becomes
 * the root. The union is built outside of /run, since /run itself moves into it.
 */
import type { BootSettings, NfsShare } from '@walt/shared/kernel-command-line'
import { limits } from '@walt/shared/limits'
import { swapExportName } from '@walt/shared/nbd'
import { formatSize } from '@walt/shared/sizes'
import { swapDevice } from '../linux/nbd-device.ts'
import type { BootFacts } from './facts.ts'
import type { CopyingPlace } from './tell-copying.ts'
import { tmpfsInodes, tmpfsSizeOption } from './tmpfs-size.ts'

export const runFolder = '/run/walt'
export const tmpfsPoint = `${runFolder}/tmpfs`
/** Where the NFS root is found once the union is the root. */
export const imagePoint = `${runFolder}/root`

export type BootAction =
  | { kind: 'mounts'; missing: string[] }
  | { kind: 'preinit'; program: string }
  | { kind: 'modules'; names: string[] }
  | { kind: 'disk-drivers'; devices: string[] }
  | { kind: 'boot-mode'; imageKnown: boolean }
  | { kind: 'hybrid-image'; id: string; bytes: number | undefined; tell: CopyingPlace | undefined }
  | { kind: 'hybrid-overlay'; id: string; union: string }
  | { kind: 'local'; union: string }
  | { kind: 'tmpfs'; size: string; inodes: number }
  | { kind: 'overlay'; union: string }
  | { kind: 'identity'; union: string; nodeName: string }
  | { kind: 'persist'; share: NfsShare; target: string }
  | { kind: 'clock'; server: string; port: number }
  | { kind: 'swap'; server: string; port: number; exportName: string; minFreeBytes: number }
  | { kind: 'tmpfs-grow'; memoryBytes: number; tmpfs: BootSettings['tmpfs']; tmpfsSwapBytes: number }
  | { kind: 'zswap' }
  | { kind: 'root'; union: string }

/** How the root is made: in RAM over the network's image, or on a disk that holds a copy of it. */
export type BootWay = 'network' | 'hybrid'

export type BootPlanStep = {
  name: BootAction['kind']
  required: boolean
  deadlineMs: number
  /** Skipped unless that step was done. */
  needs?: BootAction['kind']
  /** Left out unless this way is taken, which is `network` until a step opens another, or fails back to it. */
  way?: BootWay
  opensWay?: BootWay
  failsToWay?: BootWay
  /** What becomes of the node when the step fails; for a person. */
  otherwise: string
  action: BootAction
}

export type BootPlan = { steps: BootPlanStep[]; problems: string[] }

const step = (
  action: BootAction,
  otherwise: string,
  rest: Partial<Omit<BootPlanStep, 'action'>> = {},
): BootPlanStep => ({
  name: action.kind,
  required: false,
  deadlineMs: limits.bootStepMs,
  otherwise,
  action,
  ...rest,
})

const required = (action: BootAction): BootPlanStep => step(action, 'the boot ends here', { required: true })
const network = { deadlineMs: limits.bootNetworkStepMs }

/** More than one request's worth of pages, and never so much that a small node starves. */
export function minFreeBytes(memoryBytes: number): number {
  return Math.min(limits.minFreeMaxBytes, Math.max(limits.minFreeMinBytes, Math.floor(memoryBytes / 32)))
}

function persistShare(facts: BootFacts): NfsShare | undefined {
  const { persist, serverIp } = facts.settings
  if (persist === 'off') return undefined
  if (persist !== 'default') return persist
  if (serverIp === undefined || facts.nodeName === undefined) return undefined
  return { server: serverIp, path: `/var/lib/walt/nodes/${facts.nodeName}/persist` }
}

function swapSteps(facts: BootFacts): BootPlanStep[] {
  const { swapBytes, serverIp, nbdPort, tmpfs, tmpfsSwapBytes } = facts.settings
  const { memoryBytes } = facts
  if (swapBytes === 'off' || serverIp === undefined) return []
  const exportName = swapExportName(swapBytes)
  const minFree = minFreeBytes(facts.memoryBytes)
  return [
    step(
      { kind: 'swap', server: serverIp, port: nbdPort, exportName, minFreeBytes: minFree },
      'the node goes on without swap',
      network,
    ),
    step({ kind: 'tmpfs-grow', memoryBytes, tmpfs, tmpfsSwapBytes }, 'the root keeps its size', {
      needs: 'swap',
      way: 'network',
    }),
  ]
}

function copyingPlace({ settings }: BootFacts): CopyingPlace | undefined {
  const { serverIp: server, httpPort: port, nodeMac: mac, bootId } = settings
  return server && mac && bootId ? { server, port, mac, bootId } : undefined
}

/** A copy of the image on a disk; whatever speaks against it, the node boots in network mode. */
function hybridSteps(facts: BootFacts, union: string): BootPlanStep[] {
  const { imageId: id, imageBytes: bytes } = facts.settings
  const otherwise = 'the node boots in network mode'
  const steps: BootPlanStep[] = []
  if (facts.diskControllers.length > 0) {
    const drivers = { kind: 'disk-drivers' as const, devices: facts.diskControllers }
    steps.push(step(drivers, 'disks may be missed', { deadlineMs: limits.bootDiskDriversMs }))
  }
  steps.push(step({ kind: 'boot-mode', imageKnown: id !== undefined }, otherwise, { opensWay: 'hybrid' }))
  if (id === undefined) return steps
  const hybrid = { way: 'hybrid', failsToWay: 'network' } as const
  return [
    ...steps,
    step({ kind: 'hybrid-image', id, bytes, tell: copyingPlace(facts) }, otherwise, {
      ...hybrid,
      deadlineMs: limits.hybridImageStepMs,
    }),
    step({ kind: 'hybrid-overlay', id, union }, otherwise, {
      ...hybrid,
      deadlineMs: limits.hybridOverlayStepMs,
    }),
    step({ kind: 'local', union }, 'there is no /local', { way: 'hybrid' }),
  ]
}

export function planBoot(facts: BootFacts): BootPlan {
  const { settings } = facts
  const problems = [...facts.problems]
  const union = facts.unionPoint ?? '/mnt'
  const share = persistShare(facts)
  const swap = swapSteps(facts)
  const steps: BootPlanStep[] = []

  if (facts.missingMounts.length > 0) steps.push(required({ kind: 'mounts', missing: facts.missingMounts }))
  if (facts.preinit === 'executable') {
    const preinit = { kind: 'preinit' as const, program: '/bin/walt-preinit' }
    steps.push(step(preinit, 'the boot goes on', { deadlineMs: limits.bootPreinitMs }))
  }
  if (facts.preinit === 'not-executable') problems.push('/bin/walt-preinit is not executable on image')
  const modules = ['overlay', ...(swap.length > 0 ? ['nbd'] : []), ...(share ? ['nfs'] : [])]
  steps.push(step({ kind: 'modules', names: modules }, 'the boot goes on with what the kernel has'))
  steps.push(...hybridSteps(facts, union))
  const size = tmpfsSizeOption(settings.tmpfs)
  const inodes = tmpfsInodes(facts.memoryBytes)
  for (const action of [
    { kind: 'tmpfs' as const, size, inodes },
    { kind: 'overlay' as const, union },
  ])
    steps.push({ ...required(action), way: 'network' })
  if (facts.nodeName !== undefined) {
    steps.push(
      step({ kind: 'identity', union, nodeName: facts.nodeName }, 'the node keeps the name of its image'),
    )
  }
  if (share) {
    steps.push(
      step(
        { kind: 'persist', share, target: `${union}/persist` },
        'nothing in /persist will be kept',
        network,
      ),
    )
  }
  if (!facts.virtual && settings.serverIp !== undefined) {
    steps.push(
      step(
        { kind: 'clock', server: settings.serverIp, port: settings.httpPort },
        'the clock stays as it is',
        network,
      ),
    )
  }
  steps.push(...swap)
  steps.push(step({ kind: 'zswap' }, 'swap is not compressed'))
  steps.push(required({ kind: 'root', union }))
  return { steps, problems }
}

export function describeAction(action: BootAction): string {
  switch (action.kind) {
    case 'mounts':
      return `mount ${action.missing.join(', ')}`
    case 'preinit':
      return `run ${action.program}`
    case 'modules':
      return `load modules where missing: ${action.names.join(', ')}`
    case 'disk-drivers':
      return `load the drivers of disk controllers: ${action.devices.length}`
    case 'boot-mode':
      return 'look for walt_hybrid on ext4 disks'
    case 'hybrid-image':
      return `copy ${action.id} to the disk, unless it is there`
    case 'hybrid-overlay':
      return `mount overlay union on ${action.union}: lower and upper on the disk`
    case 'local':
      return `mount a folder of the disk on ${action.union}/local`
    case 'tmpfs':
      return `mount a tmpfs of ${action.size}, with ${action.inodes} inodes, on ${tmpfsPoint}`
    case 'overlay':
      return `mount overlay union on ${action.union}: lower /, upper ${tmpfsPoint}/upper`
    case 'identity':
      return `name this node ${action.nodeName}`
    case 'persist':
      return `mount ${action.share.server}:${action.share.path} on ${action.target} (NFSv3)`
    case 'clock':
      return `set the clock from ${action.server} port ${action.port}`
    case 'swap':
      return `attach ${action.exportName} of ${action.server} port ${action.port} to ${swapDevice}, swap on it`
    case 'tmpfs-grow':
      return `grow the tmpfs with the swap, to ${formatSize(action.tmpfsSwapBytes)} at most`
    case 'zswap':
      return 'switch zswap on'
    case 'root':
      return `make ${action.union} the root, the image at ${imagePoint}`
  }
}

/** For `walt-agent boot --plan`. */
export function describePlan(plan: BootPlan): string {
  const lines = plan.steps.map((one, index) => {
    const words = [one.required ? 'required' : `optional: otherwise ${one.otherwise}`]
    words.push(`within ${one.deadlineMs / 1000} s`)
    if (one.needs !== undefined) words.push(`only after ${one.needs}`)
    if (one.way !== undefined) words.push(`${one.way} mode only`)
    return `${String(index + 1).padStart(2)}. ${one.name.padEnd(14)} ${describeAction(one.action)} (${words.join('; ')})`
  })
  lines.push(`${String(lines.length + 1).padStart(2)}. ${'handover'.padEnd(14)} execute /sbin/init`)
  return [...lines, ...plan.problems.map((problem) => `problem: ${problem}`)].join('\n')
}
