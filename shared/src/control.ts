/**
 * The control port's language (TCP 12346): text lines, one request a line. Pure: bytes in, requests out.
 * Words and replies are WalT's; see "Control port" in ARCHITECTURE.md.
 */
import { limits } from './limits.ts'

export const controlPort = 12_346

export type ControlRequest =
  | { kind: 'blank' }
  | { kind: 'mode'; mode: 'single' | 'multi' }
  | { kind: 'ping' | 'reboot' | 'dmesg' | 'shell' | 'close' }
  | { kind: 'blink'; on: boolean }
  | { kind: 'unknown' }

export const controlReplies = {
  ok: 'OK',
  modeFirst: 'KO Start by specifying "MODE [single|multi]". Closing on my side.',
  closing: 'OK Closing on my side.',
  timeout: 'TIMEOUT Closing on my side.',
  shellTimeout: 'SHELL-TIMEOUT',
  shellEnd: 'END-OF-SHELL',
  unknown: 'KO Unknown request.',
  notExecutable: (script: string) => `KO ${script} is not executable on image`,
  blinkMissing: 'KO /bin/blink unavailable or not executable on image',
  blinkFailed: 'KO /bin/blink returned a non-zero error code',
} as const

const words: Record<string, ControlRequest> = {
  'MODE single': { kind: 'mode', mode: 'single' },
  'MODE multi': { kind: 'mode', mode: 'multi' },
  PING: { kind: 'ping' },
  REBOOT: { kind: 'reboot' },
  DMESG: { kind: 'dmesg' },
  SHELL: { kind: 'shell' },
  CLOSE: { kind: 'close' },
  'BLINK 0': { kind: 'blink', on: false },
  'BLINK 1': { kind: 'blink', on: true },
}

export function parseControlRequest(line: string): ControlRequest {
  const request = line.trim().split(/\s+/).join(' ')
  if (request === '') return { kind: 'blank' }
  return Object.hasOwn(words, request) ? words[request]! : { kind: 'unknown' }
}

/** Cuts a stream into lines. A line over the limit is given as it is so far, so that nothing can fill the memory. */
export function createLineReader(): { push: (chunk: Uint8Array) => string[]; rest: () => Uint8Array } {
  let pending = Buffer.alloc(0)
  return {
    push(chunk) {
      const lines: string[] = []
      let data = Buffer.concat([pending, chunk])
      for (;;) {
        const newline = data.indexOf(0x0a)
        const end = newline < 0 ? data.length : newline
        if (newline < 0 && end <= limits.controlLineMaxBytes) break
        const lineEnd = Math.min(end, limits.controlLineMaxBytes)
        lines.push(data.toString('latin1', 0, lineEnd))
        data = data.subarray(lineEnd === newline ? newline + 1 : lineEnd)
      }
      pending = Buffer.from(data)
      return lines
    },
    rest: () => pending,
  }
}

/** What a client reads in the first line of a reply: `OK...`, or a reason for the user. */
export function parseControlReply(line: string): { ok: true } | { ok: false; reason: string } {
  const text = line.trim()
  if (/^OK\b/.test(text)) return { ok: true }
  return { ok: false, reason: text.replace(/^\S+\s*/, '') || text || 'the node gave an empty answer' }
}
