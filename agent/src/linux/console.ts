import { openSync, writeSync } from 'node:fs'

/**
 * Says lines on the machine's console, and on more descriptors. Each that cannot be written to is left out from then on:
 * a node does not fail to reboot because nobody listens.
 */
export function openConsole(prefix: string, also: readonly number[] = []): (line: string) => void {
  const outputs = new Set(also)
  // Some machines have none.
  const console = attempt(() => openSync('/dev/console', 'w'))
  if (console !== undefined) outputs.add(console)
  return (line) => {
    for (const fd of outputs) {
      if (attempt(() => writeSync(fd, `${prefix}${line}\n`)) === undefined) outputs.delete(fd)
    }
  }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
