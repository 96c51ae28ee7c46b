/**
 * The server's HTTP API over its Unix socket, or over TCP with a bearer token. Whatever goes wrong on the way becomes
 * `server-unreachable`; what the server refuses keeps the server's own code and message.
 */
import http from 'node:http'
import https from 'node:https'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import * as v from 'valibot'

export type ApiTarget = { socket: string } | { url: URL; token: string | undefined }

export type ApiRequest = {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Below `/api/v1/`, with its query. */
  path: string
  body?: unknown
  headers?: Record<string, string>
  /** Long polls and streams answer when they will. */
  patient?: boolean
}

export type ApiClient = {
  /** @throws WaltError `server-unreachable`, `server-answer-unexpected`, or the server's own code */
  call<S extends v.GenericSchema>(request: ApiRequest, schema: S): Promise<v.InferOutput<S>>
  /** The answer as it comes. */
  stream(request: ApiRequest): AsyncIterable<Buffer>
  /** What to call the server in a sentence. */
  readonly name: string
}

/** RFC 9457, with a code of ours. */
const problem = v.object({ code: v.string(), detail: v.string() })

export function createApiClient(target: ApiTarget, signal: AbortSignal): ApiClient {
  const name = 'socket' in target ? target.socket : target.url.href.replace(/\/$/, '')

  const open = (request: ApiRequest) =>
    new Promise<http.IncomingMessage>((resolve, reject) => {
      const body = request.body === undefined ? undefined : JSON.stringify(request.body)
      const sent = send(target, request, body, signal)
      sent.setTimeout(request.patient ? 0 : limits.cliAnswerMs, () => {
        const waited = `it gave no answer within ${limits.cliAnswerMs / 1000} s`
        sent.destroy(new Error(waited))
      })
      sent.once('response', resolve)
      sent.on('error', (cause) => reject(unreachable(target, name, cause, signal)))
      sent.end(body)
    })

  async function* chunksOf(request: ApiRequest): AsyncIterable<Buffer> {
    const answer = await open(request)
    try {
      const status = answer.statusCode ?? 0
      if (status >= 400) throw refused(status, await textOf(answer), name)
      yield* answer as AsyncIterable<Buffer>
    } catch (thrown) {
      throw thrown instanceof WaltError ? thrown : unreachable(target, name, thrown, signal)
    } finally {
      answer.destroy()
    }
  }

  return {
    name,
    stream: chunksOf,
    async call(request, schema) {
      const text = await textOf(chunksOf(request))
      let value: unknown
      try {
        value = text === '' ? undefined : JSON.parse(text)
      } catch (cause) {
        throw unexpected(name, request, 'it is not JSON', cause)
      }
      const result = v.safeParse(schema, value)
      if (result.success) return result.output
      const issue = result.issues[0]
      throw unexpected(name, request, `${v.getDotPath(issue) ?? 'the answer'}: ${issue.message}`)
    },
  }
}

function send(target: ApiTarget, request: ApiRequest, body: string | undefined, signal: AbortSignal) {
  const accept = 'application/json, application/problem+json, application/x-ndjson, text/plain'
  const headers: http.OutgoingHttpHeaders = { accept, ...request.headers }
  if (body !== undefined) {
    headers['content-type'] = 'application/json'
    headers['content-length'] = Buffer.byteLength(body)
  }
  const options = { method: request.method, headers, signal, agent: false }
  if ('socket' in target) {
    return http.request({ ...options, socketPath: target.socket, path: `/api/v1/${request.path}` })
  }
  if (target.token !== undefined) headers.authorization = `Bearer ${target.token}`
  const url = new URL(`${target.url.pathname.replace(/\/$/, '')}/api/v1/${request.path}`, target.url)
  return (url.protocol === 'https:' ? https : http).request(url, options)
}

async function textOf(chunks: AsyncIterable<Buffer>): Promise<string> {
  const kept: Buffer[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > limits.cliAnswerMaxBytes) {
      const bound = `${limits.cliAnswerMaxBytes / 1024 ** 2} MiB`
      throw new WaltError('server-answer-unexpected', `The server's answer is longer than ${bound}.`)
    }
    kept.push(chunk)
  }
  return Buffer.concat(kept).toString('utf8')
}

function refused(status: number, text: string, name: string): WaltError {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    return new WaltError(
      'server-answer-unexpected',
      `The server at ${name} answered with HTTP status ${status}.`,
      {
        cause,
      },
    )
  }
  const result = v.safeParse(problem, value)
  const { code, detail } = result.success
    ? result.output
    : {
        code: 'server-answer-unexpected',
        detail: `The server at ${name} answered with HTTP status ${status}.`,
      }
  const hint =
    status === 401 ? ' Set WALT_TOKEN to the content of run/api.token in the state folder of the server.' : ''
  return new WaltError(code, detail + hint)
}

const reasons: Record<string, string> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nothing listens there',
  EACCES: 'you may not use it (it belongs to root)',
  ENOTFOUND: 'that host name is unknown',
  ECONNRESET: 'it closed the connection before the end of its answer',
}

function unreachable(target: ApiTarget, name: string, cause: unknown, signal: AbortSignal): WaltError {
  if (signal.aborted) return new WaltError('interrupted', 'Interrupted.', { cause })
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const advice =
    'socket' in target
      ? 'Is walt-server running? --socket PATH (or WALT_SOCKET) names the socket of a server with another state folder.'
      : 'Is walt-server running, and is the URL right?'
  const reason = reasons[code] ?? reasonOf(cause)
  return new WaltError('server-unreachable', `Cannot reach the server at ${name}: ${reason}. ${advice}`, {
    cause,
  })
}

function unexpected(name: string, request: ApiRequest, reason: string, cause?: unknown): WaltError {
  const what = `${request.method} /api/v1/${request.path}`
  const message = `The server at ${name} answered ${what} in an unexpected way: ${reason}. Are walt and walt-server of the same version?`
  return new WaltError('server-answer-unexpected', message, { cause })
}
