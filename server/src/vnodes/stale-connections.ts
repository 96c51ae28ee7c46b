/**
 * A machine that is killed closes no connection: NFS, swap and broker would keep theirs for minutes, and the next boot,
 * at the same address, may come by the very same ports. Whoever kills the machine knows that they are void.
 */
import { reasonOf } from '@walt/shared/errors'
import type { Log } from '../log.ts'
import { runCommand } from '../run-command.ts'

/** Ends all TCP connections with the address (ss(8), -K). Where the kernel cannot (INET_DIAG_DESTROY), it stays as it is. */
export async function endConnectionsWith(address: string, log: Log): Promise<void> {
  try {
    await runCommand('ss', ['-H', '-t', '-K', 'dst', address])
  } catch (thrown) {
    log.warn(`Connections of the last boot at ${address} may linger: ${reasonOf(thrown)}`)
  }
}
