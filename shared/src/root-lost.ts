/** What a node does when its NFS server is lost: `walt.root.lost=` of the kernel command line, `root.lost` of a node. */
import { limits } from './limits.ts'

export type RootLostPolicy = 'wait' | { rebootAfterSeconds: number }

export const rootLostDefault = `reboot:${limits.rootLostSeconds}`

/** @throws Error that says what it must be */
export function parseRootLost(text: string): RootLostPolicy {
  if (text === 'wait') return 'wait'
  const seconds = Number(/^reboot:([0-9]{1,5})$/.exec(text)?.[1] ?? 0)
  const { rootLostMinSeconds: min, rootLostMaxSeconds: max } = limits
  if (seconds >= min && seconds <= max) return { rebootAfterSeconds: seconds }
  throw new Error(`it must be wait, or reboot:SECONDS with ${min} to ${max} seconds`)
}
