/**
 * How nodes are rebooted: soft first, hard for what does not acknowledge. Pure. Words are WalT's.
 *
 * A soft reboot of a virtual node that has never run, or was stopped, has nobody to ask: it goes straight to hard,
 * which starts the machine.
 */
import type { RebootResult } from '../http/api-schema.ts'
import type { FleetNode } from './fleet.ts'

export type RebootStep =
  | { kind: 'soft'; node: string; address: string }
  | { kind: 'hard'; node: string }
  | { kind: 'refuse'; node: string; reason: string }

export type HardOption = { available: true } | { available: false; reason: string }

export function firstRebootStep(
  { record, status }: FleetNode,
  hard: boolean,
  option: HardOption,
): RebootStep {
  const { name: node, address, virtual } = record
  const silent = virtual && (status.state === 'new' || status.state === 'off')
  if (!hard && !silent) return { kind: 'soft', node, address }
  return option.available ? { kind: 'hard', node } : { kind: 'refuse', node, reason: option.reason }
}

/** What follows a soft reboot that the node did not acknowledge. */
export function stepAfterSoftFailed(node: string, option: HardOption): RebootStep {
  return option.available ? { kind: 'hard', node } : { kind: 'refuse', node, reason: option.reason }
}

/** `soft` is why the soft reboot failed, if one was tried; `hard` likewise. */
export function rebootFailure(node: string, reasons: { soft?: string; hard: string }): RebootResult {
  const soft = reasons.soft === undefined ? '' : `soft-reboot (${reasons.soft}) and `
  return { node, ok: false, message: `${node}: failed ${soft}hard-reboot (${reasons.hard})` }
}

export function rebootSuccess(node: string, method: 'soft' | 'hard'): RebootResult {
  return { node, ok: true, method, message: `${node}: rebooted OK.` }
}
