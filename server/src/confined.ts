import type { ChildProcess } from 'node:child_process'

/**
 * Words that go before a command of ours so that nothing of it outlives this server, even if the server is killed:
 * the kernel kills the first process when its parent is gone (prctl PR_SET_PDEATHSIG), that one's end kills the first
 * of a process namespace of their own, and that one's end all others in it (pid_namespaces(7)).
 */
export const diesWithServer: readonly string[] = [
  'setpriv',
  '--pdeathsig',
  'KILL',
  '--',
  'unshare',
  '--mount',
  '--propagation',
  'private',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
  '--',
]

/**
 * Ends a command that was started with `detached`, so as the head of a process group: one that is killed within
 * milliseconds of its start may not have tied its child to itself yet, but the child is in the group already.
 */
export function endConfined(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ESRCH')) throw thrown
  }
}
