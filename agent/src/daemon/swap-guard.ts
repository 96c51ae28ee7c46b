/** The guard of a node's swap over the network: what it needs before there is trouble, and then `startSwapKeeping`. */
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { reattachExportName } from '@walt/shared/nbd'
import type { NodeLog } from '@walt/shared/payloads'
import type { Kernel } from '../linux/kernel.ts'
import { lockProgram, stayAwake } from './stay-awake.ts'
import { startSwapKeeping } from './swap-keeping.ts'

export type SwapGuard = {
  /** Undefined while the swap works. */
  lostSeconds(): number | undefined
  stop(): void
}

export type SwapGuardOptions = {
  kernel: Kernel
  server: { address: string; port: number }
  swapBytes: number
  /** The folder /proc, held. */
  procFolder: string
  /** For whoever stands before the machine, and for the server. */
  say: (level: NodeLog['level'], message: string) => void
  reboot: (cause: string) => void
}

const device = '/sys/block/nbd0'

/** Undefined, with a word why, where the swap cannot be guarded. To be called before anything can go wrong. */
export function startSwapGuard(options: SwapGuardOptions): SwapGuard | undefined {
  const { kernel, server, swapBytes, procFolder, say, reboot } = options
  const warn = (message: string) => say('warning', message)
  try {
    // What a dead connection took with it is sent again when its time is over, 30 s unless told (queue-sysfs.rst).
    writeFileSync(`${device}/queue/io_timeout`, `${limits.swapRequestMs}`)
    const keeping = startSwapKeeping({
      kernel,
      peer: { ...server, exportName: reattachExportName(swapBytes) },
      inFlightPath: `${device}/inflight`,
      kernelLogPath: '/dev/kmsg',
      nowMs: () => performance.now(),
      random: Math.random,
      say,
      reboot,
    })
    stayAwake({ kernel, procFolder, warn })
    const stopRehearsal = rehearse(kernel)
    const settled = setTimeout(() => {
      stopRehearsal()
      lockProgram({ kernel, procFolder, warn })
    }, limits.daemonSettledMs)
    return {
      lostSeconds: keeping.lostSeconds,
      stop() {
        clearTimeout(settled)
        stopRehearsal()
        keeping.stop()
      },
    }
  } catch (thrown) {
    warn(`swap is not guarded, a connection that is lost stays lost: ${reasonOf(thrown)}`)
    return undefined
  }
}

/** A port of this machine where nobody listens. */
const nobody = { address: '127.0.0.1', port: 1 }

/**
 * Goes through a loss once, so that none of the program's code must be fetched over a dead network in a real one: that of
 * an attempt that fails here, and of a connection of the runtime's own, as the broker's is.
 */
function rehearse(kernel: Kernel): () => void {
  const keeping = startSwapKeeping({
    kernel,
    peer: { ...nobody, exportName: reattachExportName(limits.swapSizeMinBytes) },
    inFlightPath: `${device}/inflight`,
    kernelLogPath: '/dev/null',
    nowMs: () => performance.now(),
    random: Math.random,
    say: (level, message) => `${level}: ${message}`,
    reboot: () => undefined,
  })
  const socket = connect({ host: nobody.address, port: nobody.port })
  socket.on('error', () => socket.destroy())
  return keeping.stop
}
