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
