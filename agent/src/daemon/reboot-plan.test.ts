import { describe, expect, it } from 'vitest'
import { hooksInQuestion, planReboot, type RebootFacts } from './reboot-plan.ts'

const absent = { network: 'absent', networkOld: 'absent', hybrid: 'absent' } as const
const facts: RebootFacts = { mode: 'network', virtual: false, kexecAllowed: true, hooks: absent }
const kexec = { WALT_KEXEC_ALLOW: '1' } as const

describe('planReboot', () => {
  it.each<[string, Partial<RebootFacts>, ReturnType<typeof planReboot>]>([
    [
      'refuses on a machine that it did not boot',
      { mode: undefined },
      { kind: 'refuse', reply: 'KO this machine was not booted by walt-agent' },
    ],
    ['forces the reboot without a hook', {}, { kind: 'forced' }],
    [
      'runs the hook',
      { hooks: { ...absent, network: 'executable' } },
      { kind: 'hook', hook: 'network', environment: kexec },
    ],
    [
      'runs the hook of the old name',
      { hooks: { ...absent, networkOld: 'executable' } },
      { kind: 'hook', hook: 'networkOld', environment: kexec },
    ],
    [
      'prefers the new name',
      { hooks: { ...absent, network: 'executable', networkOld: 'executable' } },
      { kind: 'hook', hook: 'network', environment: kexec },
    ],
    [
      'refuses a hook that is not executable, old name or not',
      { hooks: { ...absent, network: 'not-executable', networkOld: 'executable' } },
      { kind: 'refuse', reply: 'KO /bin/walt-network-reboot is not executable on image' },
    ],
    [
      'names the old hook',
      { hooks: { ...absent, networkOld: 'not-executable' } },
      { kind: 'refuse', reply: 'KO /bin/walt-reboot is not executable on image' },
    ],
    [
      'tells the hook that kexec is not allowed',
      { kexecAllowed: false, hooks: { ...absent, network: 'executable' } },
      { kind: 'hook', hook: 'network', environment: { WALT_KEXEC_ALLOW: '0' } },
    ],
    [
      'forces the reboot when the NFS server does not answer',
      { hooks: { ...absent, network: 'unanswered' } },
      { kind: 'forced' },
    ],
    [
      'never runs a hook on a virtual node',
      { virtual: true, hooks: { ...absent, network: 'executable' } },
      { kind: 'forced' },
    ],
    [
      'has no use for the hybrid hook in network mode',
      { hooks: { ...absent, hybrid: 'executable' } },
      { kind: 'forced' },
    ],
    [
      'shuts the system down properly in hybrid mode',
      { mode: 'hybrid-volatile' },
      { kind: 'operating-system' },
    ],
    [
      'runs the hybrid hook',
      { mode: 'hybrid-persistent', hooks: { ...absent, hybrid: 'executable' } },
      { kind: 'hook', hook: 'hybrid', environment: kexec },
    ],
    [
      'refuses a hybrid hook that is not executable',
      { mode: 'hybrid-volatile', hooks: { ...absent, hybrid: 'not-executable' } },
      { kind: 'refuse', reply: 'KO /bin/walt-hybrid-reboot is not executable on image' },
    ],
    [
      'runs no network hook in hybrid mode',
      { mode: 'hybrid-volatile', hooks: { ...absent, network: 'executable' } },
      { kind: 'operating-system' },
    ],
    [
      'shuts a virtual hybrid node down properly',
      { mode: 'hybrid-volatile', virtual: true, hooks: { ...absent, hybrid: 'executable' } },
      { kind: 'operating-system' },
    ],
  ])('%s', (_, given, plan) => {
    expect(planReboot({ ...facts, ...given })).toEqual(plan)
  })

  it('looks for no file at all on a virtual node', () => {
    expect(hooksInQuestion('network', true)).toEqual([])
    expect(hooksInQuestion('hybrid-volatile', true)).toEqual([])
  })
})
