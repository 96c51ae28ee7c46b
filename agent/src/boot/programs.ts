import { spawn } from 'node:child_process'
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'

export const programPath = '/usr/sbin:/usr/bin:/sbin:/bin'

export type ProgramResult = { ok: true } | { ok: false; reason: string }

/**
 * Runs a program of the image, with its output on the console; past the deadline it is killed, with all that it started.
 * Its last line of complaint becomes the reason.
 */
export function runProgram(path: string, args: string[], withinMs: number): Promise<ProgramResult> {
  const env = { ...process.env, PATH: programPath }
  return new Promise((resolve) => {
    const child = spawn(path, args, { stdio: ['ignore', 'inherit', 'pipe'], detached: true, env })
    let complaints = ''
    child.stderr?.on('data', (bytes: Buffer) => {
      complaints = (complaints + bytes.toString('latin1')).slice(-limits.bootComplaintMaxChars)
    })
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      resolve({ ok: false, reason: `${path} took over ${withinMs / 1000} s` })
    }, withinMs)
    child.on('error', (error) => {
      clearTimeout(timer)
      resolve({ ok: false, reason: reasonOf(error) })
    })
    child.on('exit', (status, signal) => {
      clearTimeout(timer)
      if (status === 0) return resolve({ ok: true })
      const end = status === null ? `was killed by ${signal}` : `ended with status ${status}`
      function tell(): void {
        clearTimeout(patience)
        const complaint = complaints.trim().split('\n').at(-1)
        resolve({ ok: false, reason: `${path} ${end}${complaint ? `: ${complaint}` : ''}` })
      }
      // Its last words may still be in the pipe, which a process that it left behind may hold open for ever.
      const patience = setTimeout(tell, limits.bootComplaintMs)
      child.once('close', tell)
    })
  })
}
