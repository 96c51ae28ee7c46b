/** The last boots of each node: when each began, when it was booted, and its timed steps. */
import type { BootReport } from '@walt/shared/boot-report'
import { reasonOf } from '@walt/shared/errors'
import type { Fleet, FleetChange } from '../fleet/fleet.ts'
import type { Log } from '../log.ts'
import type { BootEntry, MonitoringStore } from '../store/monitoring-store.ts'

export type BootHistory = {
  /** Of the node's current boot. */
  addReport(node: string, report: BootReport): void
  /** Newest first. */
  list(node: string): Promise<BootEntry[]>
  settled(): Promise<void>
}

export function createBootHistory(options: {
  fleet: Pick<Fleet, 'find' | 'subscribe'>
  store: Pick<MonitoringStore, 'boots' | 'putBoot'>
  log: Log
}): BootHistory {
  const { fleet, store, log } = options
  /** What is stored of each node's current boot: a node tells its report anew whenever it is connected. */
  const current = new Map<string, BootEntry>()
  let writes = Promise.resolve()

  function change(node: string, bootId: string, news: Partial<BootEntry>): void {
    writes = writes
      .then(async () => {
        const status = fleet.find(node)?.status
        if (!status) return
        let known = current.get(node)
        if (known?.bootId !== bootId) known = (await store.boots(node)).find((boot) => boot.bootId === bootId)
        const begun = { bootId, image: status.image ?? '', startedAt: status.since }
        const entry: BootEntry = { ...news, ...begun, ...known }
        if (news.report) entry.report = news.report
        current.set(node, entry)
        if (JSON.stringify(entry) !== JSON.stringify(known)) await store.putBoot(node, entry)
      })
      .catch((thrown) => log.error(`a boot of ${node} was not stored: ${reasonOf(thrown)}`))
  }

  fleet.subscribe(({ name, node, before }: FleetChange) => {
    if (!node) {
      current.delete(name)
      return
    }
    const { bootId, image = '', state, since } = node.status
    if (bootId === undefined || !before) return
    if (bootId !== before.bootId) change(name, bootId, { image, startedAt: since })
    // Only the first time: a node that was down for a while is booted once more, without a boot.
    if (state === 'booted' && before.state !== 'booted') change(name, bootId, { bootedAt: since })
  })

  return {
    addReport(node, report) {
      const bootId = fleet.find(node)?.status.bootId
      if (bootId !== undefined) change(node, bootId, { report })
    },
    async list(node) {
      await writes
      return store.boots(node)
    },
    settled: () => writes,
  }
}
