/**
 * The restart of user space, decided. Pure.
 *
 * systemd's soft-reboot (systemd-soft-reboot.service(8)) stops what runs, makes /run/nextroot the root, and starts anew on
 * it; the kernel runs on. A fresh overlay over the same image is put there, so that the file system is again exactly the
 * image. With the old root go its overlay and the memory of its tmpfs.
 */
import type { BootReport } from '@walt/shared/boot-report'

/** The first that looks for /run/nextroot. */
export const systemdNeeded = 254

export type NextRootFacts = {
  report: BootReport | undefined
  /** As systemd names itself: `257.9-1~deb13u1`. Undefined where another init runs. */
  systemdVersion: string | undefined
  /** Whether the image and /persist are mounted where the boot stage left them. */
  imageMounted: boolean
  persistMounted: boolean
}

/** Why user space cannot be restarted; undefined: it can. */
export function nextRootObstacle(facts: NextRootFacts): string | undefined {
  const { report } = facts
  if (report === undefined) return 'not booted by walt-agent'
  if (report.mode !== 'network') return 'hybrid mode'
  const version = systemdMajor(facts.systemdVersion)
  if (version === undefined) return `needs systemd ${systemdNeeded} (this image has another init)`
  if (version < systemdNeeded) return `needs systemd ${systemdNeeded} (this image has ${version})`
  if (!facts.imageMounted) return 'its image is not mounted at /run/walt/root any more'
  if (report.persist && !facts.persistMounted) return '/persist is not mounted any more'
  return undefined
}

function systemdMajor(version: string | undefined): number | undefined {
  const digits = /^\d+/.exec(version ?? '')?.[0]
  return digits === undefined ? undefined : Number(digits)
}

/** The next tmpfs is as large as the one that it follows. */
export function nextTmpfsData(now: { bytes: number; inodes: number }): string {
  // 0 inodes: without a limit (tmpfs(5)).
  return `size=${now.bytes},mode=755${now.inodes > 0 ? `,nr_inodes=${now.inodes}` : ''}`
}
