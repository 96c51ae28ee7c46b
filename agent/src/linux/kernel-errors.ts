import { getSystemErrorMap } from 'node:util'
import { WaltError } from '@walt/shared/errors'
import { errno } from './ffi.ts'

const timedOut = new Set(['EAGAIN', 'EINPROGRESS', 'ETIMEDOUT'])

/** The error of the call just made, or of `number`. A socket's own time limit shows as EAGAIN or EINPROGRESS. */
export function kernelCallFailed(what: string, number = errno()): WaltError {
  const [name, meaning] = getSystemErrorMap().get(-number) ?? [`errno ${number}`, 'unknown error']
  const code = timedOut.has(name) ? 'deadline-passed' : 'kernel-call-failed'
  return new WaltError(
    code,
    `${what}: ${code === 'deadline-passed' ? 'no answer in time' : meaning} (${name})`,
  )
}

/** The result of a call that answers -1 when it fails. */
export function checked(result: number, what: string): number {
  if (result < 0) throw kernelCallFailed(what)
  return result
}
