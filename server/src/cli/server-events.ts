/** The server's events as they happen. A connection that is lost is made anew, and what was missed in between comes then. */
import { setTimeout as delay } from 'node:timers/promises'
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { EventKind } from '../http/api-schema.ts'
import { createApiClient } from './api-client.ts'
import type { CommandContext } from './command-context.ts'

export type ServerEvent = { event: string; data: unknown }

type Field = { name: string; value: string }

/** Pure, line by line (WHATWG HTML, "Interpreting an event stream"). */
export function createEventParser() {
  let lastId: string | undefined
  let event = ''
  let data: string[] = []
  const fieldOf = (line: string): Field => {
    const colon = line.indexOf(':')
    if (colon < 0) return { name: line, value: '' }
    return { name: line.slice(0, colon), value: line.slice(colon + 1).replace(/^ /, '') }
  }
  return {
    lastId: () => lastId,
    /** The event that an empty line ends. */
    push(line: string): ServerEvent | undefined {
      if (line !== '') {
        const { name, value } = fieldOf(line)
        if (name === 'id') lastId = value
        else if (name === 'event') event = value
        else if (name === 'data') data.push(value)
        return undefined
      }
      const [kind, text] = [event, data.join('\n')]
      ;[event, data] = ['', []]
      if (kind === '') return undefined
      try {
        return { event: kind, data: JSON.parse(text) }
      } catch (cause) {
        throw new WaltError('server-answer-unexpected', 'An event of the server is not JSON.', { cause })
      }
    },
  }
}

/** Of a follower that can be ended, other than by Ctrl-C. */
export function endable(context: CommandContext): { follower: CommandContext; end: () => void } {
  const ending = new AbortController()
  const signal = AbortSignal.any([context.signal, ending.signal])
  return {
    follower: { ...context, signal, api: createApiClient(context.target, signal) },
    end: () => ending.abort(),
  }
}

/**
 * An `open` when it is connected, also anew; then what the server tells. Ends with Ctrl-C only (`interrupted`), or when
 * a server that never answered cannot be reached.
 */
export async function* serverEvents(
  context: CommandContext,
  kinds: readonly EventKind[],
): AsyncGenerator<ServerEvent> {
  const { signal } = context
  const parser = createEventParser()
  let problem = ''
  for (;;) {
    const id = parser.lastId()
    const headers = id === undefined ? {} : { 'last-event-id': id }
    const request = {
      method: 'GET',
      path: `events?kinds=${kinds.join(',')}`,
      patient: true,
      headers,
    } as const
    try {
      const decoder = new TextDecoder()
      let pending = ''
      let open = false
      for await (const chunk of context.api.stream(request)) {
        const lines = (pending + decoder.decode(chunk, { stream: true })).split('\n')
        pending = lines.pop() ?? ''
        if (pending.length > limits.cliLineMaxChars)
          throw new WaltError('server-answer-unexpected', "A line of the server's answer does not end.")
        if (problem !== '') context.terminal.note('Connected to the server again.')
        problem = ''
        if (!open) yield { event: 'open', data: undefined }
        open = true
        for (const line of lines) {
          const event = parser.push(line)
          if (event) yield event
        }
      }
    } catch (thrown) {
      const lost = thrown instanceof WaltError && thrown.code === 'server-unreachable'
      if (!lost || parser.lastId() === undefined) throw thrown
    }
    if (signal.aborted) throw new WaltError('interrupted', 'Interrupted.')
    if (problem === '') context.terminal.note('The connection to the server was lost; trying again.')
    problem = 'lost'
    await delay(limits.cliReconnectMs, undefined, { signal }).catch(() => undefined)
  }
}
