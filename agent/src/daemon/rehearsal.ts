/**
 * What the daemon does when its root is gone, done once while all is well. The program is on that root: a page of it that
 * was never used has to be fetched, and the fetch of one page holds everything up for as long as the server is away.
 */
import { createServer } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { BootReport } from '@walt/shared/boot-report'
import { limits } from '@walt/shared/limits'
import type { RootLostPolicy } from '@walt/shared/root-lost'
import type { Kernel } from '../linux/kernel.ts'
import { createRebooter } from './reboot.ts'
import { createRootProbe, type ServerAnswer } from './root-probe.ts'
import { freshRoot, type RootAnswer, watchRoot } from './root-watch.ts'

/**
 * Compilers that begin with what has become hot would begin at any moment, with code of their own that nobody has used
 * before; the daemon has nothing that needs to be fast. And what was compiled stays.
 */
const calmEngine = ['--no-turbofan', '--no-maglev', '--no-sparkplug', '--no-flush-bytecode']

export async function rehearse(options: {
  kernel: Pick<Kernel, 'tryReboot'>
  report: BootReport
}): Promise<void> {
  for (const flag of calmEngine) setFlagsFromString(flag)
  collectGarbage()
  rehearseWatching()
  await rehearseAsking()
  await rehearseReboot(options)
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  if (typeof collect !== 'function') return
  collect({ type: 'minor' })
  collect({ type: 'major' })
}

function rehearseWatching(): void {
  const policy: RootLostPolicy = { rebootAfterSeconds: limits.rootLostMinSeconds }
  const answers: RootAnswer[] = ['slow', 'slow', 'answered', 'stale', 'stale', 'stale', ...silence]
  let state = freshRoot(0)
  answers.forEach((answer, index) => {
    state = watchRoot(state, { answer, at: (index + 1) * limits.rootProbeIntervalMs }, policy).state
  })
}
const silence = new Array<RootAnswer>(limits.rootLostMinSeconds).fill('silent')

/** A server that takes connections and says nothing; then none. */
async function rehearseAsking(): Promise<ServerAnswer[]> {
  const server = createServer((socket) => socket.on('error', () => undefined).resume())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const probe = createRootProbe({ host: '127.0.0.1', port, withinMs: limits.rootRehearsalMs })
  const slow = await probe.ask()
  probe.stop()
  await new Promise((resolve) => server.close(resolve))
  return [slow, await probe.ask()]
}

/** All of it but the reboot; the last word is a command that no kernel knows. */
async function rehearseReboot(options: Parameters<typeof rehearse>[0]): Promise<void> {
  const { kernel, report } = options
  const gone = Promise.withResolvers<void>()
  const rebooter = createRebooter({
    report,
    kexecAllowed: false,
    hookMs: 1,
    graceMs: 1,
    kernel: {
      reboot() {
        kernel.tryReboot()
        gone.resolve()
      },
    },
    flushPersist: undefined,
    probeProgram: async () => 'absent',
    runProgram: async () => ({ kind: 'timeout' }),
    makeNextRoot: async () => undefined,
    hookSaid: () => undefined,
    watchdog: () => undefined,
    markPath: '/dev/null',
    announce: async () => undefined,
    farewell: async () => undefined,
    warn: () => undefined,
  })
  rebooter.force('rehearsal')
  await gone.promise
}
