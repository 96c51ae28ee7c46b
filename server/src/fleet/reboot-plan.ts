/**
 * How nodes are rebooted: soft first, hard for what does not acknowledge. Pure. Words are WalT's.
 *
 * A soft reboot of a virtual node that has never run, or was stopped, has nobody to ask: it goes straight to hard,
 * which starts the machine.
 */
import type { RebootResult } from '../http/api-schema.ts'
import type { PowerOption } from '../power/power-driver.ts'
import type { FleetNode } from './fleet.ts'

export type RebootStep =
  | { kind: 'soft'; node: string; address: string }
  | { kind: 'hard'; node: string }
  | { kind: 'refuse'; node: string; reason: string }

export function firstRebootStep(
  { record, status }: FleetNode,
  hard: boolean,
  option: PowerOption,
): RebootStep {
  const { name: node, address, virtual } = record
  const silent = virtual && (status.state === 'new' || status.state === 'off')
  if (!hard && !silent) return { kind: 'soft', node, address }
  return option.available ? { kind: 'hard', node } : { kind: 'refuse', node, reason: option.reason }
}

/** What follows a soft reboot that the node did not acknowledge. */
export function stepAfterSoftFailed(node: string, option: PowerOption): RebootStep {
  return option.available ? { kind: 'hard', node } : { kind: 'refuse', node, reason: option.reason }
}

/** `soft` is why the soft reboot failed, if one was tried; `hard` likewise, of what is named so. */
export function rebootFailure(
  node: string,
  failed: { soft?: string | undefined; hard: string; hardName: string },
): RebootResult {
  const soft = failed.soft === undefined ? '' : `soft-reboot (${failed.soft}) and `
  return { node, ok: false, message: `${node}: failed ${soft}${failed.hardName} (${failed.hard})` }
}

export function rebootSuccess(node: string, method: 'soft' | 'hard' | 'userspace'): RebootResult {
  const what = method === 'userspace' ? 'user space rebooted' : 'rebooted'
  return { node, ok: true, method, message: `${node}: ${what} OK.` }
}

/** Of `--if-changed`. */
export function notNeeded(node: string): RebootResult {
  return { node, ok: true, message: `${node}: not rebooted: nothing would change.` }
}

/** A reboot that was made for these reasons says so. */
export function because(result: RebootResult, reasons: readonly string[]): RebootResult {
  if (!result.ok || reasons.length === 0) return result
  return { ...result, message: result.message.replace(/OK\.$/, `OK (${reasons.join('; ')}).`) }
}
