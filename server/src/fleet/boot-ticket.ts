import type { GivenNodeSettings } from '@walt/shared/node-settings'

/** Of one boot: a fresh id, which commands name, and a fresh token, which is the node's password. */
export type BootTicket = {
  node: string
  bootId: string
  token: string
  image: string
  startedAt: number
  /** The settings that it began with; absent where an older version of the server began it. */
  settings?: GivenNodeSettings
}
