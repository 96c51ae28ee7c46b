/** What every command gets, made once from the global options. */
import { type ApiClient, type ApiTarget, createApiClient } from './api-client.ts'
import { usageError } from './exit-status.ts'
import type { Screen } from './screen.ts'
import type { Terminal } from './terminal.ts'

/** What a process is given from outside. */
export type Surroundings = {
  terminal: Terminal
  /** Where there is a terminal to draw on. */
  screen?: Screen | undefined
  environment: NodeJS.ProcessEnv
  /** Aborted by Ctrl-C. */
  signal: AbortSignal
}

export type GlobalOptions = { json?: boolean; socket?: string; server?: string }

export type CommandContext = Surroundings & {
  api: ApiClient
  /** The same, deaf to Ctrl-C: for what must be undone before the end. */
  uninterrupted: ApiClient
  target: ApiTarget
  json: boolean
}

/** Resolves to the exit status; nothing means 0. */
export type CommandBody<A extends unknown[]> = (
  context: CommandContext,
  ...args: A
) => Promise<number | undefined>

/** Turns a body into commander's action. */
export type Act = <A extends unknown[]>(body: CommandBody<A>) => (...args: A) => Promise<void>

export const defaultSocket = '/var/lib/walt/run/api.sock'

export function createContext(options: GlobalOptions, surroundings: Surroundings): CommandContext {
  const target = apiTarget(options, surroundings.environment)
  return {
    ...surroundings,
    target,
    api: createApiClient(target, surroundings.signal),
    uninterrupted: createApiClient(target, new AbortController().signal),
    json: options.json === true,
  }
}

/** Pure. An option wins over the environment. */
export function apiTarget(options: GlobalOptions, environment: NodeJS.ProcessEnv): ApiTarget {
  if (options.server !== undefined) {
    if (options.socket !== undefined) throw usageError('Give either --socket or --server, not both.')
    if (!URL.canParse(options.server) || !/^https?:\/\//.test(options.server)) {
      throw usageError(`--server ${options.server}: a URL reads like http://192.168.152.1:8080`)
    }
    return { url: new URL(options.server), token: environment.WALT_TOKEN }
  }
  return { socket: options.socket ?? environment.WALT_SOCKET ?? defaultSocket }
}

/** The answer for programs: one JSON document. */
export function printJson(context: CommandContext, value: unknown): void {
  context.terminal.print(JSON.stringify(value, undefined, 2))
}
