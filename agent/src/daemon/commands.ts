import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { nodeTopics, parseNodeTopic } from '@walt/shared/mqtt-topics'
import { type Command, command, type NodeChanges, parsePayload, type Reply } from '@walt/shared/payloads'
import type { PreparedReboot } from './reboot.ts'

/**
 * A command that waited in a queue must never hit a later boot, nor a later user space of the same boot; one that names no
 * user space is meant for the first. Undefined: it may be carried out.
 */
export function refusalOf(
  given: Command,
  now: { bootId: string; userSpace: number; epochMs: number },
): Reply | undefined {
  if (given.bootId !== now.bootId) {
    const message = `the command is meant for boot ${given.bootId}, and this is boot ${now.bootId}`
    return { ok: false, code: 'stale-boot', message }
  }
  const userSpace = given.userSpace ?? 0
  if (userSpace !== now.userSpace) {
    const message = `the command is meant for user space ${userSpace} of the boot, and this is user space ${now.userSpace}`
    return { ok: false, code: 'stale-boot', message }
  }
  if (given.deadline < now.epochMs) {
    const seconds = ((now.epochMs - given.deadline) / 1000).toFixed(1)
    return { ok: false, code: 'deadline-passed', message: `the command came ${seconds} s after its deadline` }
  }
  return undefined
}

export type CommandOptions = {
  node: string
  bootId: string
  userSpace: number
  nowMs: () => number
  prepareReboot: (cause: string) => Promise<PreparedReboot>
  prepareUserSpace: (cause: string) => Promise<PreparedReboot>
  /** The control port's reply line. */
  blink: (on: boolean) => Promise<string>
  kernelLogTail: (maxBytes: number) => string
  /** What differs from the image. */
  changes: () => Promise<NodeChanges>
  /** QoS 1; resolves when the broker has it. */
  reply: (topic: string, reply: Reply) => Promise<unknown>
  warn: (message: string) => void
}

/** Carries out the commands that come by MQTT, and answers each on its reply topic. */
export function createCommands(options: CommandOptions) {
  const { bootId, userSpace } = options
  const seen = new Set<string>()

  /** QoS 1 may deliver twice (MQTT 3.1.1, 4.3.2); the id in the topic tells. */
  function isRepeated(id: string): boolean {
    if (seen.has(id)) return true
    seen.add(id)
    const [oldest] = seen
    if (seen.size > limits.mqttCommandsRememberedMax && oldest !== undefined) seen.delete(oldest)
    return false
  }

  async function carryOut(given: Command, answer: (reply: Reply) => Promise<unknown>): Promise<void> {
    const { requestedBy: by = 'the server' } = given
    switch (given.command) {
      case 'ping':
        await answer({ ok: true })
        return
      case 'blink':
        await answer(replyOfLine(await options.blink(given.on ?? true)))
        return
      case 'dmesg':
        await answer({ ok: true, output: options.kernelLogTail(limits.mqttDmesgMaxBytes) })
        return
      case 'changes':
        await answer({ ok: true, changes: await options.changes() })
        return
      case 'reboot':
        await reboot(await options.prepareReboot(`MQTT command from ${by}`), answer)
        return
      case 'userspace-reboot':
        await reboot(await options.prepareUserSpace(`userspace reboot asked by ${by}`), answer)
    }
  }

  async function reboot(prepared: PreparedReboot, answer: (reply: Reply) => Promise<unknown>): Promise<void> {
    if (prepared.accepted) prepared.run(withinGoodbye(answer({ ok: true })))
    else await answer(replyOfLine(prepared.reply))
  }

  async function handle(topic: string, payload: Uint8Array): Promise<void> {
    const id = parseNodeTopic(topic)?.id
    if (id === undefined || isRepeated(id)) return
    const answer = (reply: Reply) => options.reply(nodeTopics(options.node).reply(id), reply)
    try {
      const given = parsePayload(command, payload)
      const refusal = refusalOf(given, { bootId, userSpace, epochMs: options.nowMs() })
      if (refusal) await answer(refusal)
      else await carryOut(given, answer)
    } catch (thrown) {
      options.warn(`the command ${id} failed: ${reasonOf(thrown)}`)
      const code = thrown instanceof WaltError ? thrown.code : 'command-failed'
      await answer({ ok: false, code, message: reasonOf(thrown) })
    }
  }

  return { handle }
}

/** `OK`, or `KO reason`, as the control port says it. */
function replyOfLine(line: string): Reply {
  if (line.startsWith('OK')) return { ok: true }
  return { ok: false, code: 'refused', message: line.replace(/^KO /, '') }
}

function withinGoodbye(sent: Promise<unknown>): Promise<unknown> {
  return Promise.race([sent, new Promise((resolve) => setTimeout(resolve, limits.mqttGoodbyeMs))])
}
