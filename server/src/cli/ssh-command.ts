/** Pure: how to reach a node's ssh server with the server's key. */
import { limits } from '@walt/shared/limits'
import { usageError } from './exit-status.ts'

export type SshTarget = {
  address: string
  /** The server's private key, absent where the server has none. */
  keyPath: string | undefined
  /** The network namespace of the nodes' network, where it is not the machine's own. */
  namespace: string | undefined
}

export type SshCommand = { program: string; arguments: string[] }

/**
 * A node's host key says nothing: it comes from the image, and another image may be on the same address tomorrow. So
 * it is neither checked nor remembered.
 */
export function sshCommand(target: SshTarget, command: readonly string[]): SshCommand {
  const key = target.keyPath === undefined ? [] : ['-i', target.keyPath, '-o', 'IdentitiesOnly=yes']
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
    `ConnectTimeout=${limits.cliSshConnectSeconds}`,
    'ServerAliveInterval=5',
    'ServerAliveCountMax=3',
  ]
  const ssh = [...key, ...options.flatMap((option) => ['-o', option]), `root@${target.address}`]
  if (command.length > 0) ssh.push('--', remoteCommandLine(command))
  if (target.namespace === undefined) return { program: 'ssh', arguments: ssh }
  if (!/^[A-Za-z0-9._][A-Za-z0-9._-]*$/.test(target.namespace)) {
    throw usageError(`WALT_NETNS=${target.namespace} is not a name of a network namespace.`)
  }
  return { program: 'ip', arguments: ['netns', 'exec', target.namespace, 'ssh', ...ssh] }
}

/** ssh joins words by blanks and hands them to a shell. One word is a shell's line; of several each stays one word. */
export function remoteCommandLine(command: readonly string[]): string {
  return command.length === 1 ? (command[0] ?? '') : command.map(quoted).join(' ')
}

function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
