import { STATUS_CODES } from 'node:http'
import { reasonOf, WaltError } from '@walt/shared/errors'
import type { FastifyReply } from 'fastify'
import * as v from 'valibot'
import type { ApiError, Problem } from './api-schema.ts'

const statuses: Record<string, number> = {
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'node-unknown': 404,
  'device-unknown': 404,
  'image-unknown': 404,
  'node-exists': 409,
  'device-exists': 409,
  'node-silent': 504,
  'node-refused': 502,
  'image-exists': 409,
  'image-in-use': 409,
  'mac-taken': 409,
  'image-busy': 409,
  'checkpoint-unknown': 404,
  'checkpoint-exists': 409,
  'too-many-streams': 503,
  'vnodes-off': 409,
  'store-unreachable': 503,
  stopping: 503,
}

/** A person's mistake is 4xx; the rest is the server's own, and worth a line in its log. */
export function errorAnswer(thrown: unknown): { status: number; body: ApiError } {
  if (thrown instanceof WaltError) {
    const { code, message } = thrown
    const invalid = /-(?:invalid|unknown|exhausted|full)$/.test(code) || code === 'setting-unknown'
    return { status: statuses[code] ?? (invalid ? 400 : 500), body: { code, message } }
  }
  // Fastify's own refusals: a body that is too large or no JSON.
  const status = thrown instanceof Error && 'statusCode' in thrown ? Number(thrown.statusCode) : 500
  if (status >= 400 && status < 500)
    return { status, body: { code: 'request-invalid', message: reasonOf(thrown) } }
  return { status: 500, body: { code: 'internal', message: `The server failed: ${reasonOf(thrown)}` } }
}

/** Sends an error as RFC 9457 has it. */
export function sendProblem(reply: FastifyReply, status: number, { code, message }: ApiError): FastifyReply {
  const title = STATUS_CODES[status] ?? 'Error'
  const problem: Problem = { type: `urn:walt:error:${code}`, title, status, detail: message, code }
  return reply.status(status).type('application/problem+json').send(JSON.stringify(problem))
}

/**
 * A request's part, checked.
 * @throws WaltError `request-invalid`
 */
export function checked<S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  const issue = result.issues[0]
  const unknownKey = issue.type === 'strict_object' && issue.expected === 'never'
  const why = unknownKey ? 'there is no such field' : issue.message
  throw new WaltError('request-invalid', `${v.getDotPath(issue) ?? 'the request'}: ${why}.`)
}
