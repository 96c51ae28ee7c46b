/**
 * What goes on without this server (lasting-process.ts) may not go on for ever. A shell waits for the lock of the state
 * folder, which the kernel frees when the server is gone; if no other server has it by the end of the grace time, all
 * is ended and taken away.
 */
import { join } from 'node:path'
import { nfsRecordOf } from './boot/nfs-server.ts'
import { adoptLasting, isLasting, lastingIn, startLasting } from './lasting-process.ts'
import { lockFileOf } from './state-folder.ts'
import { linkAliasOf } from './vnodes/network.ts'

export const machineRecordsOf = (state: string) => join(state, 'run/machines')

/** $1 lock, $2 seconds of grace, $3 alias of links, then globs of records. A record that cannot be locked is that of a living process. */
const script = `
lock=$1 grace=$2 alias=$3
shift 3
records=$*
living() { [ -e "$1" ] && ! flock -n "$1" true; }
while flock "$lock" true; do
  sleep "$grace"
  exec 8>>"$lock"
  flock -n 8 || { exec 8>&-; continue; }
  echo "$(date -Is) no walt-server for $grace s: all is ended"
  for record in $records; do
    living "$record" && read -r pid started <"$record" && stat=$(cat "/proc/$pid/stat") || continue
    read -ra fields <<<"\${stat##*) }"
    [ "\${fields[19]}" = "$started" ] && kill -KILL -- "-$pid"
  done
  for record in $records; do [ -e "$record" ] && flock -w 10 "$record" true; done
  ip -o link show | grep "alias $alias$" | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/' |
    while read -r link; do ip link delete "$link"; done
  exit
done
`

/** Instead of the one of an earlier server. Returns how to end it. */
export async function startGuard(state: string, graceSeconds: number): Promise<() => Promise<void>> {
  const run = join(state, 'run')
  const record = join(run, 'guard')
  await (await adoptLasting(record))?.end()
  const records = [join(machineRecordsOf(state), '*'), nfsRecordOf(run)]
  const words = [lockFileOf(state), String(graceSeconds), linkAliasOf(state), ...records]
  const guard = startLasting({
    record,
    command: ['bash', '-c', script, 'walt-guard', ...words],
    output: join(run, 'guard.log'),
  })
  return guard.end
}

/** Whether something of an earlier server goes on. */
export async function isSomethingLeft(state: string): Promise<boolean> {
  const machines = await lastingIn(machineRecordsOf(state))
  return machines.length > 0 || isLasting(nfsRecordOf(join(state, 'run')))
}
