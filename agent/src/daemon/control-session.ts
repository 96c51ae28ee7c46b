import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type ControlRequest, controlReplies, parseControlRequest } from '@walt/shared/control'
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { type ControlInput, createControlInput } from './control-input.ts'
import { delivered, hangUp, send } from './control-output.ts'
import type { PreparedReboot } from './reboot.ts'
import type { OpenShell } from './shell.ts'
import { relayShell } from './shell-relay.ts'

/** What the control port can do to the machine. */
export type ControlActions = {
  prepareReboot: (cause: string) => Promise<PreparedReboot>
  kernelLog: () => Generator<string, unknown, undefined>
  /** The reply line. */
  blink: (on: boolean) => Promise<string>
  openShell: OpenShell
  unsentBytes: (fd: number) => number
}

export type ControlSession = {
  /** Since when it waits for a request (performance.now); undefined while it serves one. */
  idleSince: () => number | undefined
  done: Promise<void>
}

/** Times that tests shorten. */
export type ControlTimes = { idleMs: number; shellIdleMs: number; shellEndMs: number }
export const controlTimes: ControlTimes = {
  idleMs: limits.controlIdleMs,
  shellIdleMs: limits.controlIdleMs,
  shellEndMs: limits.controlShellEndMs,
}

/** Serves one connection to its end. Never throws: whatever the peer does ends this connection only. */
export function serveControlSession(
  socket: Socket,
  actions: ControlActions,
  times: ControlTimes,
  warn: (message: string) => void,
): ControlSession {
  let idleSince: number | undefined = performance.now()
  const input = createControlInput(socket)
  const from = socket.remoteAddress?.replace(/^::ffff:/, '') ?? 'a peer that is gone'

  async function talk(): Promise<void> {
    let mode: 'single' | 'multi' | undefined
    for (let handled = 1; ; handled += 1) {
      if (handled % limits.controlTurnRequestsMax === 0) await nextTurn()
      idleSince ??= performance.now()
      const request = await nextRequest(input, idleSince + times.idleMs)
      if (request === 'end') return
      if (request === 'timeout') {
        await send(socket, `${controlReplies.timeout}\n`)
        return
      }
      idleSince = undefined
      if (request.kind === 'mode') {
        mode = request.mode
        continue
      }
      if (mode === undefined) {
        await send(socket, `${controlReplies.modeFirst}\n`)
        return
      }
      const goesOn = await answer(request, { socket, input, actions, times, from })
      if (!goesOn || mode === 'single') return
    }
  }

  async function serve(): Promise<void> {
    try {
      await talk()
    } catch (thrown) {
      warn(`the control connection from ${from} failed: ${String(thrown)}`)
    } finally {
      hangUp(socket)
    }
  }
  return { idleSince: () => idleSince, done: serve() }
}

/** Blank lines are passed over, and do not count as a request. */
async function nextRequest(
  input: ControlInput,
  deadline: number,
): Promise<ControlRequest | 'timeout' | 'end'> {
  for (let read = 1; ; read += 1) {
    if (read % limits.controlTurnRequestsMax === 0) await nextTurn()
    const next = await input.nextLine(deadline - performance.now())
    if (next.kind !== 'line') return next.kind
    const request = parseControlRequest(next.line)
    if (request.kind !== 'blank') return request
    if (performance.now() > deadline) return 'timeout'
  }
}

type Conversation = {
  socket: Socket
  input: ControlInput
  actions: ControlActions
  times: ControlTimes
  from: string
}

/** False: nothing more is to be served on this connection. */
async function answer(request: ControlRequest, talk: Conversation): Promise<boolean> {
  const { socket, actions } = talk
  switch (request.kind) {
    case 'ping':
      return send(socket, `${controlReplies.ok}\n`)
    case 'blink':
      return send(socket, `${await actions.blink(request.on)}\n`)
    case 'dmesg':
      return sendKernelLog(talk)
    case 'shell':
      return shell(talk)
    case 'reboot':
      return reboot(talk)
    case 'close':
      await send(socket, `${controlReplies.closing}\n`)
      return false
    default:
      return send(socket, `${controlReplies.unknown}\n`)
  }
}

async function sendKernelLog({ socket, actions }: Conversation): Promise<boolean> {
  const parts = actions.kernelLog()
  let next: IteratorResult<string>
  try {
    next = parts.next()
  } catch (thrown) {
    return send(socket, `KO the kernel log cannot be read: ${reasonOf(thrown)}\n`)
  }
  let reads = await send(socket, `${controlReplies.ok}\n\n`)
  for (; reads && !next.done; next = parts.next()) {
    reads = await send(socket, next.value)
    await nextTurn()
  }
  // Ends a log that was not read to its end.
  parts.return(undefined)
  return reads
}

async function shell({ socket, input, actions, times }: Conversation): Promise<boolean> {
  const opened = await actions.openShell()
  if ('refused' in opened) return send(socket, `KO ${opened.refused}\n`)
  if (!(await send(socket, `${controlReplies.ok}\n\n`))) {
    opened.kill()
    return false
  }
  const end = await relayShell(socket, input, opened, times)
  if (end === 'peer-gone') return false
  if (end === 'timeout' && !(await send(socket, `${controlReplies.shellTimeout}\n`))) return false
  return send(socket, `${controlReplies.shellEnd}\n`)
}

async function reboot({ socket, actions, from }: Conversation): Promise<boolean> {
  const prepared = await actions.prepareReboot(`REBOOT from ${from}`)
  if (!prepared.accepted) return send(socket, `${prepared.reply}\n`)
  const sent = send(socket, `${controlReplies.ok}\n`)
  prepared.run(sent.then(() => delivered(socket, actions.unsentBytes)))
  return sent
}
