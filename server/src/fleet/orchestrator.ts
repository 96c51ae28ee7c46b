/** Carries reboots out, all nodes at once. What to do next is decided in reboot-plan.ts. */
import { reasonOf } from '@walt/shared/errors'
import type { RebootResult } from '../http/api-schema.ts'
import type { Log } from '../log.ts'
import type { PowerDriver } from '../power/power-driver.ts'
import type { ControlAnswer } from './control-client.ts'
import type { Fleet, FleetNode } from './fleet.ts'
import type { NodeRecord } from './node-record.ts'
import {
  firstRebootStep,
  type HardOption,
  type RebootStep,
  rebootFailure,
  rebootSuccess,
  stepAfterSoftFailed,
} from './reboot-plan.ts'

export type RebootRequest = { names: readonly string[]; hard: boolean; requestedBy: string }

export type Orchestrator = {
  /** One result a node, in the order of the names. Never throws for a node that fails. */
  reboot(request: RebootRequest): Promise<RebootResult[]>
  /** Without the soft step and its counting; boot-watch.ts decides when. */
  hardReboot(name: string): Promise<void>
  canHardReboot(record: NodeRecord): boolean
}

export function createOrchestrator(options: {
  fleet: Fleet
  power: readonly PowerDriver[]
  softReboot: (address: string) => Promise<ControlAnswer>
  log: Log
}): Orchestrator {
  const { fleet, power, softReboot, log } = options

  function hardOption({ record }: FleetNode): HardOption {
    if (power.some((driver) => driver.serves(record))) return { available: true }
    return { available: false, reason: 'PoE-reboot is not set up' }
  }

  async function cycle(name: string): Promise<void> {
    const { record } = fleet.get(name)
    await power.find((driver) => driver.serves(record))?.cycle(record)
  }

  async function rebootNode(name: string, request: RebootRequest): Promise<RebootResult> {
    const node = fleet.get(name)
    const { requestedBy: by } = request
    let step: RebootStep = firstRebootStep(node, request.hard, hardOption(node))
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
      step = stepAfterSoftFailed(name, hardOption(node))
    }
    const reasons = soft === undefined ? {} : { soft }
    if (step.kind === 'refuse') return rebootFailure(name, { ...reasons, hard: step.reason })
    fleet.record(name, { type: 'reboot-requested', by, bootId: fleet.get(name).status.bootId })
    await cycle(name)
    return rebootSuccess(name, 'hard')
  }

  return {
    async reboot(request) {
      const results = await Promise.all(
        request.names.map((name) =>
          rebootNode(name, request).catch((thrown) => rebootFailure(name, { hard: reasonOf(thrown) })),
        ),
      )
      const failed = results.filter((result) => !result.ok)
      for (const result of failed) log.warn(result.message)
      return results
    },
    hardReboot: cycle,
    canHardReboot: (record) => power.some((driver) => driver.serves(record)),
  }
}
