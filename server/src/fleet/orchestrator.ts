/** Carries reboots out, of many nodes at once. What to do next is decided in reboot-plan.ts. */
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { RebootResult } from '../http/api-schema.ts'
import type { Log } from '../log.ts'
import { mapAtMost } from '../map-at-most.ts'
import { type NodePower, type PowerDriver, type PowerOption, powerOf } from '../power/power-driver.ts'
import type { ControlAnswer } from './control-client.ts'
import type { Fleet } from './fleet.ts'
import type { NodeRecord } from './node-record.ts'
import {
  because,
  firstRebootStep,
  notNeeded,
  type RebootStep,
  rebootFailure,
  rebootSuccess,
  stepAfterSoftFailed,
} from './reboot-plan.ts'

export type RebootRequest = {
  names: readonly string[]
  hard: boolean
  requestedBy: string
  /** Only nodes that a reboot would change. */
  ifChanged?: boolean
  /** User space alone, unless it is to be a hard reboot. */
  userspace?: boolean
}

export type Orchestrator = {
  /** One result a node, in the order of the names. Never throws for a node that fails. */
  reboot(request: RebootRequest): Promise<RebootResult[]>
  /** Without the soft step and its counting; boot-watch.ts decides when. */
  hardReboot(name: string): Promise<void>
  powerOption(record: NodeRecord): PowerOption
}

export function createOrchestrator(options: {
  fleet: Fleet
  power: readonly PowerDriver[]
  softReboot: (address: string) => Promise<ControlAnswer>
  /** What a reboot would change; nothing: no reboot. */
  whatRebootChanges: (name: string) => Promise<string[]>
  userspaceReboot: (name: string, requestedBy: string) => Promise<RebootResult>
  log: Log
}): Orchestrator {
  const { fleet, power, softReboot, whatRebootChanges, userspaceReboot, log } = options

  const powerOfNode = (name: string): NodePower => powerOf(power, fleet.get(name).record)

  async function cycle(name: string): Promise<void> {
    await powerOfNode(name).cycle(fleet.get(name).record)
  }

  async function rebootNode(name: string, request: RebootRequest): Promise<RebootResult> {
    if (!request.ifChanged) return tryNode(name, request)
    const reasons = await whatRebootChanges(name)
    if (reasons.length === 0) return notNeeded(name)
    return because(await tryNode(name, request), reasons)
  }

  async function tryNode(name: string, request: RebootRequest): Promise<RebootResult> {
    const node = fleet.get(name)
    const { requestedBy: by } = request
    if (request.userspace && !request.hard) return userspaceReboot(name, by)
    const { option, name: hardName } = powerOfNode(name)
    let step: RebootStep = firstRebootStep(node, request.hard, option)
    let soft: string | undefined
    if (step.kind === 'soft') {
      const { bootId } = node.status
      const answer = await softReboot(step.address)
      if (answer.ok) {
        // Of the boot that was asked: it may be over already.
        fleet.record(name, { type: 'reboot-requested', by, bootId })
        return rebootSuccess(name, 'soft')
      }
      soft = answer.reason
      step = stepAfterSoftFailed(name, option)
    }
    if (step.kind === 'refuse') return rebootFailure(name, { soft, hard: step.reason, hardName })
    const { bootId } = fleet.get(name).status
    const requested = () => fleet.record(name, { type: 'reboot-requested', by, bootId })
    // A machine of ours begins its boot while it is restarted; a physical node that is not cut off goes on as it is.
    if (node.record.virtual) requested()
    try {
      await cycle(name)
    } catch (thrown) {
      return rebootFailure(name, { soft, hard: reasonOf(thrown), hardName })
    }
    if (!node.record.virtual) requested()
    const softFailed = soft === undefined ? [] : [`soft-reboot failed: ${soft}`]
    return because(rebootSuccess(name, 'hard'), softFailed)
  }

  return {
    async reboot(request) {
      const results = await mapAtMost(limits.nodesAskedAtOnceMax, request.names, (name) =>
        rebootNode(name, request).catch((thrown) =>
          rebootFailure(name, { hard: reasonOf(thrown), hardName: 'reboot' }),
        ),
      )
      const failed = results.filter((result) => !result.ok)
      for (const result of failed) log.warn(result.message)
      return results
    },
    hardReboot: cycle,
    powerOption: (record) => powerOf(power, record).option,
  }
}
