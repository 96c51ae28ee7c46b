/**
 * `walt-agent next-root`: makes a fresh root for the restart of user space. The daemon runs it, since paths of the union may
 * hang with the NFS server, and the daemon may not.
 */
import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { bootReport, bootReportPath } from '@walt/shared/boot-report'
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { parsePayload } from '@walt/shared/payloads'
import { isMountPoint } from '../boot/facts.ts'
import { imagePoint, tmpfsPoint } from '../boot/plan.ts'
import { runProgram } from '../daemon/run-program.ts'
import type { Kernel } from '../linux/kernel.ts'
import { makeNextRoot, readUserSpace, userSpacePath } from './next-root.ts'
import { nextRootObstacle, nextTmpfsData } from './next-root-plan.ts'

/** @throws WaltError `userspace-refused` that says why not, `kernel-call-failed` */
export async function runNextRoot(kernel: Pick<Kernel, 'mount' | 'unmount' | 'setHostname'>): Promise<void> {
  const report = existsSync(bootReportPath)
    ? parsePayload(bootReport, readFileSync(bootReportPath))
    : undefined
  const obstacle = nextRootObstacle({
    report,
    systemdVersion: await systemdVersion(),
    imageMounted: isMountPoint(imagePoint),
    persistMounted: isMountPoint('/persist'),
  })
  if (obstacle !== undefined) throw new WaltError('userspace-refused', obstacle)
  const { bsize, blocks, files } = statfsSync(tmpfsPoint)
  makeNextRoot(kernel, {
    tmpfsData: nextTmpfsData({ bytes: bsize * blocks, inodes: files }),
    nodeName: report?.nodeName,
    persist: report?.persist ?? false,
    userSpace: readUserSpace(userSpacePath) + 1,
  })
}

/** Of the systemd that runs, which need not be the image's. sd_booted(3) looks for the same folder. */
async function systemdVersion(): Promise<string | undefined> {
  if (!existsSync('/run/systemd/system')) return undefined
  let version: string | undefined
  const end = await runProgram('systemctl', ['show', '--property=Version', '--value'], {
    timeoutMs: limits.systemdVersionMs,
    onLine: (line) => {
      version ??= line
    },
  })
  if (end.kind === 'exited' && end.status === 0) return version
  throw new WaltError('userspace-refused', 'systemd does not say which version it is')
}
