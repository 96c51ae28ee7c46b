/**
 * The boot as a list of steps. Pure: facts in, steps out; `describePlan` prints it, `run.ts` carries it out.
 *
 * The image stays as it is: it is the lower layer of an overlay whose upper layer is a tmpfs, and the overlay becomes
 * the root. The union is built outside of /run, since /run itself moves into it.
 */
import type { NfsShare } from '@walt/shared/kernel-command-line'
import { limits } from '@walt/shared/limits'
import { swapExportName } from '@walt/shared/nbd'
import { formatSize } from '@walt/shared/sizes'
import { swapDevice } from '../linux/nbd-device.ts'
import type { BootFacts } from './facts.ts'

export const runFolder = '/run/walt'
export const tmpfsPoint = `${runFolder}/tmpfs`
/** Where the NFS root is found once the union is the root. */
export const imagePoint = `${runFolder}/root`

export type BootAction =
  | { kind: 'mounts'; missing: string[] }
  | { kind: 'preinit'; program: string }
  | { kind: 'modules'; names: string[] }
  | { kind: 'boot-mode' }
  | { kind: 'tmpfs'; size: string }
  | { kind: 'overlay'; union: string }
  | { kind: 'identity'; union: string; nodeName: string }
  | { kind: 'persist'; share: NfsShare; target: string }
  | { kind: 'clock'; server: string; port: number }
  | { kind: 'swap'; server: string; port: number; exportName: string; minFreeBytes: number }
  | { kind: 'tmpfs-grow'; bytes: number }
  | { kind: 'zswap' }
  | { kind: 'root'; union: string }

export type BootPlanStep = {
  name: BootAction['kind']
  required: boolean
  deadlineMs: number
  /** Skipped unless that step was done. */
  needs?: BootAction['kind']
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
  const { swapBytes, serverIp, nbdPort, tmpfsSwapBytes } = facts.settings
  if (swapBytes === 'off' || serverIp === undefined) return []
  const exportName = swapExportName(swapBytes)
  const minFree = minFreeBytes(facts.memoryBytes)
  return [
    step(
      { kind: 'swap', server: serverIp, port: nbdPort, exportName, minFreeBytes: minFree },
      'the node goes on without swap',
      network,
    ),
    step({ kind: 'tmpfs-grow', bytes: tmpfsSwapBytes }, 'the root keeps its size', { needs: 'swap' }),
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
  steps.push(step({ kind: 'boot-mode' }, 'the node boots in network mode'))
  const size = 'percent' in settings.tmpfs ? `${settings.tmpfs.percent}%` : String(settings.tmpfs.bytes)
  steps.push(required({ kind: 'tmpfs', size }), required({ kind: 'overlay', union }))
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

const size = (bytes: number) => formatSize(bytes)

export function describeAction(action: BootAction): string {
  switch (action.kind) {
    case 'mounts':
      return `mount ${action.missing.join(', ')}`
    case 'preinit':
      return `run ${action.program}`
    case 'modules':
      return `load modules where missing: ${action.names.join(', ')}`
    case 'boot-mode':
      return 'look for walt_hybrid on ext4 disks'
    case 'tmpfs':
      return `mount a tmpfs of ${action.size} on ${tmpfsPoint}`
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
      return `grow the tmpfs to ${size(action.bytes)}`
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
    return `${String(index + 1).padStart(2)}. ${one.name.padEnd(10)} ${describeAction(one.action)} (${words.join('; ')})`
  })
  lines.push(`${String(lines.length + 1).padStart(2)}. ${'handover'.padEnd(10)} execute /sbin/init`)
  return [...lines, ...plan.problems.map((problem) => `problem: ${problem}`)].join('\n')
}
