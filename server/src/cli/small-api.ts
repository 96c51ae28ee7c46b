/** For tests: a real HTTP server on a Unix socket that speaks a little of the API, and walt as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

export type Answer = { status?: number; body: unknown } | ((response: http.ServerResponse) => void)
export type SmallApi = {
  socket: string
  /** `METHOD path`, below /api/v1/, to its answers: one a call, the last one for ever. */
  answers: Record<string, Answer[]>
  /** What was asked, with its body. */
  asked: { request: string; body: unknown; authorization: string | undefined }[]
  listenOnTcp(): Promise<string>
  stop(): Promise<void>
}

export async function startSmallApi(): Promise<SmallApi> {
  const folder = mkdtempSync(join(tmpdir(), 'walt-cli-'))
  const socket = join(folder, 'api.sock')
  const answers: SmallApi['answers'] = {}
  const asked: SmallApi['asked'] = []
  const handle = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const name = `${request.method} ${request.url?.replace('/api/v1/', '')}`
    const body = await text(request)
    asked.push({
      request: name,
      body: body === '' ? undefined : JSON.parse(body),
      authorization: request.headers.authorization,
    })
    const left = answers[name] ?? []
    const answer = left.length > 1 ? left.shift() : left[0]
    if (typeof answer === 'function') answer(response)
    else {
      const missing = { status: 404, body: { code: 'not-found', detail: `No answer is set for ${name}.` } }
      const { status = 200, body: value } = answer ?? missing
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(value === undefined ? '' : JSON.stringify(value))
    }
  }
  const servers: http.Server[] = []
  const listen = (where: string | number) =>
    new Promise<http.Server>((resolve) => {
      const server = http.createServer((request, response) => void handle(request, response))
      servers.push(server)
      if (typeof where === 'string') server.listen(where, () => resolve(server))
      else server.listen(where, '127.0.0.1', () => resolve(server))
    })
  await listen(socket)
  return {
    socket,
    answers,
    asked,
    async listenOnTcp() {
      const address = (await listen(0)).address()
      if (address === null || typeof address === 'string') throw new Error('it has no port')
      return `http://127.0.0.1:${address.port}`
    },
    async stop() {
      for (const server of servers) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
      rmSync(folder, { recursive: true })
    },
  }
}

export type WaltRun = { status: number | null; out: string; err: string }
const main = join(import.meta.dirname, 'main.ts')

export function startWalt(words: readonly string[], environment: Record<string, string> = {}): ChildProcess {
  const env = { PATH: process.env.PATH ?? '', ...environment }
  return spawn(process.execPath, [main, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] })
}

export async function ended(child: ChildProcess): Promise<WaltRun> {
  const [out, err, status] = await Promise.all([
    child.stdout ? text(child.stdout) : '',
    child.stderr ? text(child.stderr) : '',
    new Promise<number | null>((resolve) => child.once('close', resolve)),
  ])
  return { status, out, err }
}

export function walt(words: readonly string[], environment?: Record<string, string>): Promise<WaltRun> {
  return ended(startWalt(words, environment))
}
