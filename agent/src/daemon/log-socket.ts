/**
 * Where programs on the node write to the platform's log: a Unix socket for everybody. A connection says the name of its
 * stream in a line, then lines of log; at its end the answer is `OK`, or `KO` and why not.
 */
import { chmod, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { StringDecoder } from 'node:string_decoder'
import { reasonOf } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { logStream } from '@walt/shared/payloads'
import * as v from 'valibot'

export type LogSocket = { stop(): Promise<void> }

export async function openLogSocket(options: {
  path: string
  add: (stream: string, message: string) => void
  warn: (message: string) => void
}): Promise<LogSocket> {
  const { path, add, warn } = options
  const sockets = new Set<Socket>()

  function accept(socket: Socket): void {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // A program that was killed: what it wrote counts.
    socket.on('error', () => undefined)
    let stream: string | undefined
    const lines = createLineSplitter((line) => {
      if (stream !== undefined) return add(stream, line)
      const result = v.safeParse(logStream, line)
      if (result.success) stream = result.output
      else socket.end(`KO "${line.slice(0, 80)}": ${result.issues[0].message}\n`)
    })
    socket.on('data', (chunk) => {
      if (!socket.writableEnded) lines.push(chunk)
    })
    socket.on('end', () => {
      if (socket.writableEnded) return
      lines.end()
      socket.end(stream === undefined ? 'KO no stream was named\n' : 'OK\n')
    })
  }

  // Of a daemon before this one.
  await rm(path, { force: true })
  const server = createServer({ allowHalfOpen: true }, accept)
  server.maxConnections = limits.agentLogConnectionsMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  server.on('error', (error) => warn(`${path}: ${reasonOf(error)}`))
  await chmod(path, 0o666)
  return {
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Lines of text; one that is too long comes in pieces. */
function createLineSplitter(tell: (line: string) => void) {
  const decoder = new StringDecoder('utf8')
  let pending = ''
  const tellPieces = (line: string) => {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line
    const size = limits.logMessageMaxChars
    tell(text.slice(0, size))
    for (let begin = size; begin < text.length; begin += size) tell(text.slice(begin, begin + size))
  }
  return {
    push(chunk: Buffer | string): void {
      const lines = (pending + decoder.write(chunk)).split('\n')
      pending = lines.pop() ?? ''
      for (const line of lines) tellPieces(line)
      while (pending.length > limits.logMessageMaxChars) {
        tell(pending.slice(0, limits.logMessageMaxChars))
        pending = pending.slice(limits.logMessageMaxChars)
      }
    },
    end(): void {
      const rest = pending + decoder.end()
      pending = ''
      if (rest !== '') tellPieces(rest)
    },
  }
}
