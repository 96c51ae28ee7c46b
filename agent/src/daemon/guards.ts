/** The guards of a node: of its memory, and in network mode of its root, which is on NFS. */
import type { BootMode } from '@walt/shared/boot-report'
import type { BootSettings } from '@walt/shared/kernel-command-line'
import { limits } from '@walt/shared/limits'
import type { NodeLog } from '@walt/shared/payloads'
import { listChanges } from './changes.ts'
import { startFillGuard } from './fill-guard.ts'
import type { HoldPath } from './held-paths.ts'
import { createImageLookup } from './image-lookup.ts'
import { largestProcesses } from './process-sizes.ts'
import { type RootGuard, startRootGuard } from './root-guard.ts'
import { createRootProbe } from './root-probe.ts'
import { createTelemetryReader } from './telemetry-reader.ts'

export type Guards = {
  /** Whether files of the image can be used without hanging, as far as is known. */
  rootAnswers(): boolean
  stop(): void
}

export type GuardOptions = {
  settings: BootSettings
  mode: BootMode
  hold: HoldPath
  /** Held. */
  runFolder: string
  procFolder: string
  /** For whoever stands before the machine, and for the server. */
  say: (level: NodeLog['level'], message: string) => void
  setDegraded: (degraded: boolean, cause: string) => void
  reboot: (cause: string) => void
}

const imageFolder = '/run/walt/root'
/** What runs here, below the image. */
const agentFile = 'usr/lib/walt/walt-agent'

export function startGuards(options: GuardOptions): Guards {
  const { say, setDegraded, reboot } = options
  const inNetworkMode = options.mode === 'network'
  const { nfsRoot, rootLost, bootId = '' } = options.settings
  const withinMs = limits.rootProbeMs
  let root: RootGuard | undefined
  if (inNetworkMode && nfsRoot) {
    root = startRootGuard({
      server: createRootProbe({ host: nfsRoot.server, withinMs }),
      image: createImageLookup({
        image: imageFolder,
        file: agentFile,
        withinMs,
        warn: (message) => say('warning', message),
      }),
      policy: rootLost,
      tell(degraded, cause) {
        say(degraded ? 'warning' : 'info', cause)
        setDegraded(degraded, cause)
      },
      reboot,
      warn: (message) => say('warning', message),
      nowMs: () => performance.now(),
    })
  }
  // A reader of its own: one reads into one buffer, one sample at a time.
  const sample = createTelemetryReader({ bootId, hold: options.hold })
  const memory = startFillGuard({
    sample: () => sample(Date.now(), 0),
    // Elsewhere the writable layer is on a disk, and takes no memory.
    largestFiles: async () => (inNetworkMode ? largestFiles(options.runFolder) : []),
    largestProcesses: () => largestProcesses(options.procFolder, limits.fillProcessesMax),
    tell: say,
  })
  return {
    rootAnswers: () => root?.answers() ?? true,
    stop() {
      root?.stop()
      memory.stop()
    },
  }
}

/** Of the writable layer only: nothing here is asked of NFS. */
async function largestFiles(runFolder: string) {
  const { changed, system } = await listChanges({
    upper: `${runFolder}/walt/tmpfs/upper`,
    readyPath: `${runFolder}/uptime-ready`,
    nowMs: Date.now,
  })
  return [...changed.largest, ...system.largest]
    .filter(({ kind }) => kind === 'file')
    .sort((one, other) => other.bytes - one.bytes)
    .slice(0, limits.fillFilesMax)
    .map(({ path, bytes }) => ({ name: path, bytes }))
}
