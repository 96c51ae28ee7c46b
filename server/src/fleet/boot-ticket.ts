/** Of one boot: a fresh id, which commands name, and a fresh token, which is the node's password. */
export type BootTicket = { node: string; bootId: string; token: string; image: string; startedAt: number }
