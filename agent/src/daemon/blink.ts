import { controlReplies } from '@walt/shared/control'
import { limits } from '@walt/shared/limits'
import { probeProgram } from './image-probe.ts'
import { runProgram } from './run-program.ts'

/** Runs the image's /bin/blink, and gives the control port's reply line. */
export async function blink(on: boolean, path = '/bin/blink'): Promise<string> {
  if ((await probeProgram(path)) !== 'executable') return controlReplies.blinkMissing
  const end = await runProgram(path, [on ? '1' : '0'], { timeoutMs: limits.controlBlinkMs })
  return end.kind === 'exited' && end.status === 0 ? controlReplies.ok : controlReplies.blinkFailed
}
