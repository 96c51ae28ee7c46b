/** In front of a command: a process namespace of its own. The end of its first process ends all others (pid_namespaces(7)). */
export const ownProcesses: readonly string[] = [
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
 * The same for a command of which nothing may outlive the process that starts it, even if that one is killed: the
 * kernel kills the first process when its parent is gone (prctl PR_SET_PDEATHSIG), and all others go with it.
 */
export const diesWithParent: readonly string[] = ['setpriv', '--pdeathsig', 'KILL', '--', ...ownProcesses]
