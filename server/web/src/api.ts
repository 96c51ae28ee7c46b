/** The server's HTTP API by fetch, with the token as a bearer token; answers are checked against its schema. */
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import * as v from 'valibot'

export type ApiRequest = {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Below `/api/v1/`, with its query. */
  path: string
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
  /** Streams and what waits for nodes answer when they will. */
  patient?: boolean
}

export type Api = {
  /** @throws WaltError `unauthorized`, `server-unreachable`, `server-answer-unexpected`, or the server's own code */
  call<S extends v.GenericSchema>(request: ApiRequest, schema: S): Promise<v.InferOutput<S>>
  /** Text as it comes. */
  stream(request: ApiRequest): AsyncGenerator<string>
}

/** RFC 9457 has `detail`; an error inside of an answer has `message`. */
const refusal = v.object({
  code: v.string(),
  detail: v.optional(v.string()),
  message: v.optional(v.string()),
})

export function createApi(options: {
  fetch: typeof fetch
  token: () => string | undefined
  onUnauthorized: () => void
}): Api {
  async function open(request: ApiRequest): Promise<Response> {
    const { method = 'GET', path, body, signal, patient = false } = request
    const token = options.token()
    const deadline = patient ? [] : [AbortSignal.timeout(limits.webAnswerMs)]
    const response = await options
      .fetch(`/api/v1/${path}`, {
        method,
        cache: 'no-store',
        headers: {
          ...request.headers,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.any([...(signal ? [signal] : []), ...deadline]),
      })
      .catch((cause) => {
        throw unreachable(cause, signal)
      })
    if (response.ok) return response
    if (response.status === 401) options.onUnauthorized()
    throw refused(response.status, await response.text().catch(() => ''))
  }

  return {
    async call(request, schema) {
      const response = await open(request)
      const text = await response.text().catch((cause) => {
        throw unreachable(cause, request.signal)
      })
      const result = v.safeParse(schema, jsonOf(text, request))
      if (result.success) return result.output
      const issue = result.issues[0]
      throw unexpected(request, `${v.getDotPath(issue) ?? 'the answer'}: ${issue.message}`)
    },
    async *stream(request) {
      const response = await open({ ...request, patient: true })
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
      if (!reader) return
      try {
        for (;;) {
          const piece = await reader.read().catch((cause) => {
            throw unreachable(cause, request.signal)
          })
          if (piece.done) return
          yield piece.value
        }
      } finally {
        // Ends the answer where the reader has had enough; one that broke has nothing left to end.
        await reader.cancel().catch(() => undefined)
      }
    },
  }
}

function jsonOf(text: string, request: ApiRequest): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch (cause) {
    throw unexpected(request, 'it is not JSON', cause)
  }
}

function refused(status: number, text: string): WaltError {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    return new WaltError('server-answer-unexpected', `The server answered with HTTP status ${status}.`, {
      cause,
    })
  }
  const result = v.safeParse(refusal, value)
  if (!result.success)
    return new WaltError('server-answer-unexpected', `The server answered with HTTP status ${status}.`)
  const { code, detail, message } = result.output
  return new WaltError(code, detail ?? message ?? `The server answered with HTTP status ${status}.`)
}

function unreachable(cause: unknown, signal: AbortSignal | undefined): WaltError {
  if (signal?.aborted) return new WaltError('interrupted', 'Interrupted.', { cause })
  const late = cause instanceof DOMException && cause.name === 'TimeoutError'
  const reason = late ? `no answer within ${limits.webAnswerMs / 1000} s` : reasonOf(cause)
  return new WaltError('server-unreachable', `The server cannot be reached (${reason}).`, { cause })
}

function unexpected(request: ApiRequest, reason: string, cause?: unknown): WaltError {
  const message = `The server answered ${request.method ?? 'GET'} ${request.path} in an unexpected way: ${reason}. Load this page anew: the server may have been updated.`
  return new WaltError('server-answer-unexpected', message, { cause })
}
