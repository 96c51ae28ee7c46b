/**
 * The log of the platform: lines of nodes and of the server, written to the store in batches. Whoever follows is told of
 * a line once it has its number. What comes faster than a bound is counted, and that count is a line of its own.
 */
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { NodeLines, NodeLog } from '@walt/shared/payloads'
import type { FleetChange } from '../fleet/fleet.ts'
import type { Log } from '../log.ts'
import type {
  Checkpoint,
  LogEntry,
  LogQuery,
  MonitoringStore,
  NewLogLine,
} from '../store/monitoring-store.ts'

/** The issuer of lines that are no node's. */
export const serverIssuer = 'server'

export type Logbook = {
  write(line: NewLogLine): void
  /** What a node's agent says. */
  addNodeLog(node: string, entry: NodeLog): void
  /** What programs on a node say. */
  addNodeLines(node: string, lines: NodeLines): void
  query(query: LogQuery): Promise<LogEntry[]>
  checkpoints(): Promise<Checkpoint[]>
  /** @throws WaltError `checkpoint-exists`, `checkpoints-full` */
  addCheckpoint(name: string, at: number | undefined): Promise<Checkpoint>
  /** @throws WaltError `checkpoint-unknown` */
  removeCheckpoint(name: string): Promise<void>
  start(): void
  stop(): Promise<void>
}

type LogStore = Pick<
  MonitoringStore,
  'addLogLines' | 'logLines' | 'dropLogLines' | 'checkpoints' | 'putCheckpoint' | 'removeCheckpoint'
>

export function createLogbook(options: {
  store: LogStore
  /** Lines that have just been stored. */
  tell: (line: LogEntry) => void
  now: () => number
  log: Log
}): Logbook {
  const { store, tell, now, log } = options
  const admission = createAdmission(now)
  let waiting: NewLogLine[] = []
  let writing = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let sweep: NodeJS.Timeout | undefined

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    if (waiting.length === 0) return writing
    const lines = waiting
    waiting = []
    writing = writing
      .then(async () => {
        for (const line of await store.addLogLines(lines)) tell(line)
      })
      .catch((thrown) => log.error(`${lines.length} log lines were not stored: ${reasonOf(thrown)}`))
    return writing
  }

  function push(line: NewLogLine): void {
    waiting.push({ ...line, message: line.message.slice(0, limits.logMessageMaxChars) })
    timer ??= setTimeout(() => void flush(), limits.logWriteMs)
  }

  function write(line: NewLogLine): void {
    const dropped = admission.droppedBefore(line.issuer)
    if (dropped > 0) {
      const message = `${dropped} lines of ${line.issuer} were left out: it logs faster than ${limits.logLinesPerMinuteMax} lines a minute`
      push({ at: now(), issuer: line.issuer, stream: 'platform', level: 'warning', message })
    }
    if (admission.admit(line.issuer) && waiting.length < limits.logUnwrittenMax) push(line)
  }

  return {
    write,
    addNodeLog: (node, { at, level, message }) =>
      write({ at, issuer: node, stream: 'agent', level, message }),
    addNodeLines(node, { stream, lines, dropped = 0 }) {
      if (dropped > 0) {
        const message = `${dropped} lines of ${stream} were lost on ${node}, which could keep no more of them`
        write({ at: now(), issuer: node, stream, level: 'warning', message })
      }
      for (const line of lines) write({ ...line, issuer: node, stream, level: 'info' })
    },
    async query(query) {
      await flush()
      return store.logLines(query)
    },
    checkpoints: () => store.checkpoints(),
    async addCheckpoint(name, at = now()) {
      const all = await store.checkpoints()
      if (all.some((checkpoint) => checkpoint.name === name)) {
        const message = `A checkpoint "${name}" exists already: "walt log remove-checkpoint ${name}" removes it.`
        throw new WaltError('checkpoint-exists', message)
      }
      if (all.length >= limits.logCheckpointsMax) {
        const message = `There are ${all.length} checkpoints already: remove some ("walt log list-checkpoints").`
        throw new WaltError('checkpoints-full', message)
      }
      const checkpoint = { name, at }
      await store.putCheckpoint(checkpoint)
      return checkpoint
    },
    async removeCheckpoint(name) {
      if (await store.removeCheckpoint(name)) return
      const message = `No checkpoint is named "${name}": "walt log list-checkpoints" lists them.`
      throw new WaltError('checkpoint-unknown', message)
    },
    start() {
      sweep = setInterval(() => {
        writing = writing
          .then(() => store.dropLogLines(now() - limits.logKeepMs, limits.logLinesMax))
          .catch((thrown) => log.error(`old log lines were not removed: ${reasonOf(thrown)}`))
      }, limits.storeSweepMs)
    },
    stop() {
      clearInterval(sweep)
      return flush()
    },
  }
}

/** So many lines a minute of each issuer; the rest is counted. */
function createAdmission(now: () => number) {
  let minute = 0
  const counts = new Map<string, number>()
  const dropped = new Map<string, number>()
  return {
    admit(issuer: string): boolean {
      const current = Math.floor(now() / 60_000)
      if (current !== minute) {
        minute = current
        counts.clear()
      }
      const count = (counts.get(issuer) ?? 0) + 1
      counts.set(issuer, count)
      if (count <= limits.logLinesPerMinuteMax) return true
      dropped.set(issuer, (dropped.get(issuer) ?? 0) + 1)
      return false
    },
    /** What was left out in a minute that is over. */
    droppedBefore(issuer: string): number {
      const count = dropped.get(issuer) ?? 0
      if (count === 0 || Math.floor(now() / 60_000) === minute) return 0
      dropped.delete(issuer)
      return count
    },
  }
}

/** Pure: what a change of a node is in the log of the platform; undefined where its state is what it was. */
export function platformMessage({ name, node, before }: FleetChange): string | undefined {
  if (!node) return `${name} is removed`
  if (!before) return undefined
  const { state, cause, bootId } = node.status
  if (state === before.state && bootId === before.bootId) return undefined
  return `${name} is ${state}${cause === undefined ? '' : `: ${cause}`}`
}
