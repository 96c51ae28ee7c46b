import type { BootMode } from '@walt/shared/boot-report'
import { controlReplies } from '@walt/shared/control'
import type { Presence } from './image-probe.ts'

export type RebootFacts = {
  /** Undefined: the agent did not boot this machine. */
  mode: BootMode | undefined
  virtual: boolean
  kexecAllowed: boolean
  hooks: Record<HookName, Presence>
}

export type HookName = 'network' | 'networkOld' | 'hybrid'
export const hookPaths: Record<HookName, string> = {
  network: '/bin/walt-network-reboot',
  networkOld: '/bin/walt-reboot',
  hybrid: '/bin/walt-hybrid-reboot',
}

export type RebootPlan =
  /** Nothing is done; `reply` says why. */
  | { kind: 'refuse'; reply: string }
  /** reboot(2): changes live in memory only, so there is nothing to shut down but /persist to flush. */
  | { kind: 'forced' }
  /** The image's own way; the forced reboot when it fails. */
  | { kind: 'hook'; hook: HookName; environment: { WALT_KEXEC_ALLOW: '0' | '1' } }
  /** The operating system's `reboot`, which stops services properly: hybrid nodes have a disk. */
  | { kind: 'operating-system' }

export const notOurBoot = 'KO this machine was not booted by walt-agent'

/** Which hooks have to be looked for. A virtual node never runs one: its machine is to be really restarted. */
export function hooksInQuestion(mode: BootMode, virtual: boolean): HookName[] {
  if (virtual) return []
  return mode === 'network' ? ['network', 'networkOld'] : ['hybrid']
}

/** "Rebooting a node": what a REBOOT request leads to. */
export function planReboot(facts: RebootFacts): RebootPlan {
  const { mode } = facts
  if (mode === undefined) return { kind: 'refuse', reply: notOurBoot }
  const withoutHook: RebootPlan = { kind: mode === 'network' ? 'forced' : 'operating-system' }
  for (const hook of hooksInQuestion(mode, facts.virtual)) {
    switch (facts.hooks[hook]) {
      case 'absent':
        continue
      case 'not-executable':
        return { kind: 'refuse', reply: controlReplies.notExecutable(hookPaths[hook]) }
      case 'unanswered':
        // With the NFS server dead, neither a hook nor the system's own shutdown could be read.
        return { kind: 'forced' }
      case 'executable':
        return { kind: 'hook', hook, environment: { WALT_KEXEC_ALLOW: facts.kexecAllowed ? '1' : '0' } }
    }
  }
  return withoutHook
}
