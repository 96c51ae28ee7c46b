/** What scripts can rely on; `walt --help` documents it. */
import { WaltError } from '@walt/shared/errors'

export const exitStatus = {
  ok: 0,
  /** A node failed or refused, or the server refused the request. */
  failed: 1,
  usage: 2,
  unreachable: 3,
  /** 128 + the signal's number, as shells have it: SIGINT, SIGPIPE. */
  interrupted: 130,
  brokenPipe: 141,
} as const

const statusOfCode: Record<string, number> = {
  usage: exitStatus.usage,
  'server-unreachable': exitStatus.unreachable,
  interrupted: exitStatus.interrupted,
}

export function exitStatusOf(error: WaltError): number {
  return statusOfCode[error.code] ?? exitStatus.failed
}

export function usageError(message: string): WaltError {
  return new WaltError('usage', message)
}
