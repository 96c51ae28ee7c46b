/**
 * A machine's console in a file that does not grow for ever: what is older than the bound is in `<file>.1`, or gone.
 * A shell beside the machine writes it, so that it goes on without this server. A full disk must not end the machine:
 * then lines are lost.
 */
import { diesWithParent } from '../confined.ts'

/** $0 the file, $1 its greatest size, then the command, whose end is the end of all. */
const script = `
file=$0 max=$1
shift
keep() {
  while :; do
    size=$(stat -c %s "$file" 2>/dev/null || echo 0)
    if [ "$size" -ge "$max" ]; then mv -f "$file" "$file.1"; size=0; fi
    if stdbuf -o0 head -c $((max - size)) >>"$file"; then
      [ "$(stat -c %s "$file")" -ge "$max" ] || return
    else
      sleep 1
    fi
  done 2>/dev/null
}
"$@" 2>&1 | keep
exit "\${PIPESTATUS[0]}"
`

/** The command that runs another one, and keeps what it writes. */
export function withKeptConsole(file: string, maxBytes: number, command: readonly string[]): string[] {
  return ['bash', '-c', script, file, String(maxBytes), ...diesWithParent, ...command]
}
