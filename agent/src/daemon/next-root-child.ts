import { limits } from '@walt/shared/limits'
import { runProgram } from './run-program.ts'

/**
 * Has a fresh root for the restart of user space made by a child (`walt-agent next-root`).
 * @returns why there is none; undefined: it is there
 */
export async function makeNextRoot(selfCommand: readonly string[]): Promise<string | undefined> {
  const [program = '', ...args] = [...selfCommand, 'next-root']
  let last = ''
  const end = await runProgram(program, args, {
    timeoutMs: limits.nextRootMs,
    onLine: (line) => {
      last = line
    },
  })
  switch (end.kind) {
    case 'exited':
      if (end.status === 0) return undefined
      return last === '' ? `no fresh root could be made (status ${end.status})` : last
    case 'timeout':
      return `no fresh root within ${limits.nextRootMs / 1000} s`
    case 'failed':
      return `no fresh root could be made: ${end.reason}`
  }
}
