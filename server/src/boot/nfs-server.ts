/**
 * The NFS server that this server runs: nfs-ganesha, in whatever network namespace this process is in, or the kernel's.
 *
 * ganesha wants rpcbind (NFSv3 clients ask it for ports), a socket in /run and files in /var/lib/nfs. It gets its own of
 * each, in a mount namespace of its own: several servers in several network namespaces do not meet. It goes on when this
 * server is killed, and nodes with it; the next one takes it over.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createBackoff } from '@walt/shared/backoff'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { ownProcesses } from '../confined.ts'
import { adoptLasting, type LastingProcess, startLasting } from '../lasting-process.ts'
import type { Log } from '../log.ts'
import { runCommand } from '../run-command.ts'
import { ganeshaConfig, type KernelExport, kernelExports, type NfsExports, nfsPorts } from './nfs-exports.ts'

export type NfsServer = {
  readonly name: 'ganesha' | 'kernel' | 'none'
  start(): Promise<void>
  stop(): Promise<void>
  /** The exports have changed; resolves once nodes can mount them. */
  refresh(): Promise<void>
  state(): 'off' | 'starting' | 'running'
}

/** Of its process, see lasting-process.ts. */
export const nfsRecordOf = (runFolder: string) => join(runFolder, 'nfs/process')

type Options = {
  /** Of this server's state folder; configuration, log and state of the NFS server. */
  runFolder: string
  address: string
  exports: () => NfsExports
  random: () => number
  log: Log
}

export function createNfsServer(kind: 'ganesha' | 'kernel' | 'none', options: Options): NfsServer {
  if (kind === 'ganesha') return createGanesha(options)
  if (kind === 'kernel') return createKernelNfs(options)
  const nothing = async () => {}
  return { name: 'none', start: nothing, stop: nothing, refresh: nothing, state: () => 'off' }
}

function createGanesha(options: Options): NfsServer {
  const { runFolder, address, log } = options
  const folder = join(runFolder, 'nfs')
  const config = join(folder, 'ganesha.conf')
  const logFile = join(folder, 'ganesha.log')
  const record = nfsRecordOf(runFolder)
  const backoff = createBackoff({
    minMs: limits.nfsBackoffMinMs,
    maxMs: limits.nfsBackoffMaxMs,
    random: options.random,
  })
  let running: LastingProcess | undefined
  let state: 'off' | 'starting' | 'running' = 'off'
  let exported = ''
  /** One after the other: who finds nothing changed must not return before the exports are there. */
  let refreshed: Promise<void> = Promise.resolve()

  async function writeConfig(): Promise<boolean> {
    const exports = options.exports()
    // ganesha refuses to export what is not there.
    for (const { persistPath } of exports.nodes) await mkdir(persistPath, { recursive: true })
    const text = ganeshaConfig(exports)
    if (text === exported) return false
    await writeFile(config, text)
    exported = text
    return true
  }

  async function launch(): Promise<void> {
    state = 'starting'
    exported = ''
    await mkdir(join(folder, 'lib/ganesha'), { recursive: true })
    await writeConfig()
    const portmap = (await answers('127.0.0.1', nfsPorts.portmap)) ? 'given' : 'own'
    // Stopped meanwhile.
    if (state !== 'starting') return
    const script = ['sh', '-c', ganeshaScript, 'sh', join(folder, 'lib'), config, logFile, portmap]
    const started = startLasting({ record, command: [...ownProcesses, ...script], output: logFile })
    follow(started)
    await untilReady(started)
    if (running !== started) return
    state = 'running'
    backoff.reset()
    // Nodes may have come while it was started.
    await refresh()
  }

  /** The one of an earlier server; it is ended if it does not serve. */
  async function adopt(): Promise<boolean> {
    const found = await adoptLasting(record)
    if (!found) return false
    if (!(await serves())) {
      log.warn(`nfs-ganesha (process ${found.pid}) goes on, and does not serve: it is started anew`)
      await found.end()
      return false
    }
    log.info(`nfs-ganesha goes on (process ${found.pid})`)
    follow(found)
    state = 'running'
    // What it exports may be what an earlier server wanted.
    await refresh()
    return true
  }

  function follow(started: LastingProcess): void {
    running = started
    void started.ended.then((why) => failed(started, why))
  }

  async function serves(): Promise<boolean> {
    const ready = await Promise.all([answers(address, nfsPorts.nfs), answers(address, nfsPorts.mount)])
    return ready.every(Boolean)
  }

  async function untilReady(started: LastingProcess): Promise<void> {
    const deadline = performance.now() + limits.nfsStartMs
    while (performance.now() < deadline && running === started) {
      if (await serves()) return
      await wait(limits.nfsPollMs)
    }
    const said = (await readFile(logFile, 'utf8')).trim().split('\n').slice(-3).join(' | ')
    throw new WaltError(
      'nfs-failed',
      `nfs-ganesha does not serve NFS on ${address}; ${logFile} ends with: ${said}`,
    )
  }

  function failed(which: LastingProcess, why: string): void {
    if (running !== which) return
    running = undefined
    if (state !== 'running') return
    const waitMs = backoff.nextMs()
    log.error(`nfs-ganesha ended (${why}); started again in ${waitMs} ms. Its log: ${logFile}`)
    state = 'starting'
    relaunch(waitMs)
  }

  function relaunch(waitMs: number): void {
    setTimeout(() => {
      if (state !== 'starting') return
      launch().catch((thrown) => {
        log.error(reasonOf(thrown))
        if (state === 'starting') end().then(() => relaunch(backoff.nextMs()))
      })
    }, waitMs).unref()
  }

  function refresh(): Promise<void> {
    const next = refreshed.then(reload)
    // One that fails is the matter of who asked for it.
    refreshed = next.catch(() => undefined)
    return next
  }

  /** One that is being started anew reads the configuration by itself. */
  async function reload(): Promise<void> {
    const current = running
    if (state !== 'running' || !current || !(await writeConfig())) return
    const loaded = await countInLog(logFile)
    // Its parent is unshare; one that has just ended has no child any more, and 0 would mean this process's own group.
    const pid = Number((await childrenOf(current.pid)).split(' ')[0])
    if (pid === 0) return
    // SIGHUP: ganesha reads its exports again, and keeps those that have not changed.
    process.kill(pid, 'SIGHUP')
    const deadline = performance.now() + limits.nfsStartMs
    while (running === current && (await countInLog(logFile)) === loaded) {
      if (performance.now() > deadline) {
        log.warn(`nfs-ganesha did not say that it has read ${config} again; its log: ${logFile}`)
        return
      }
      await wait(limits.nfsPollMs)
    }
  }

  async function end(): Promise<void> {
    const ending = running
    running = undefined
    await ending?.end()
  }

  return {
    name: 'ganesha',
    state: () => state,
    async start() {
      if (await adopt()) return
      if (await answers(address, nfsPorts.nfs)) {
        const advice = 'Stop it, or say nfs: { server: none } if it exports the images.'
        throw new WaltError('nfs-failed', `Another NFS server is on ${address}:${nfsPorts.nfs}. ${advice}`)
      }
      try {
        await launch()
      } catch (thrown) {
        state = 'off'
        await end()
        throw thrown
      }
    },
    async stop() {
      state = 'off'
      await end()
    },
    refresh,
  }
}

/** $1 its /var/lib/nfs, $2 configuration, $3 log, $4 whether to start rpcbind. */
const ganeshaScript = `
mount --bind "$1" /var/lib/nfs || exit 1
if [ "$4" = own ]; then
  mount -t tmpfs -o mode=755 run /run || exit 1
  rpcbind -f -w &
  until [ -S /run/rpcbind.sock ]; do sleep 0.02; done
fi
exec ganesha.nfsd -F -f "$2" -L "$3" -p "$1/ganesha.pid"
`

/** Empty when the process is gone. */
function childrenOf(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return ''
    throw error
  })
}

async function countInLog(file: string): Promise<number> {
  return (await readFile(file, 'utf8')).split(reloaded).length
}
const reloaded = 'Reread exports complete'

/** Whether somebody listens there. */
function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: limits.nfsProbeMs })
    const done = (result: boolean) => {
      socket.destroy()
      resolve(result)
    }
    socket.once('connect', () => done(true))
    socket.once('timeout', () => done(false))
    socket.once('error', () => done(false))
  })
}

/** The kernel's NFS server, which somebody else has started (nfs-kernel-server); exportfs(8) tells it what to export. */
function createKernelNfs(options: Options): NfsServer {
  let current: KernelExport[] = []
  const place = ({ client, path }: KernelExport) => `${client}:${path}`

  async function refresh(): Promise<void> {
    const wanted = kernelExports(options.exports())
    const kept = new Set(wanted.map(place))
    for (const one of wanted) await runCommand('exportfs', ['-i', '-o', one.options, place(one)])
    for (const one of current) if (!kept.has(place(one))) await runCommand('exportfs', ['-u', place(one)])
    current = wanted
  }

  return {
    name: 'kernel',
    start: refresh,
    refresh,
    async stop() {
      for (const one of current.splice(0)) await runCommand('exportfs', ['-u', place(one)])
    },
    state: () => (current.length > 0 ? 'running' : 'off'),
  }
}
