/** `walt-agent log-echo|log-cat|log-tee`: a program on the node writes to the platform's log, through the daemon. */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { reasonOf, WaltError } from '@walt/shared/errors'

export const logSocketPath = '/run/walt-log.sock'

export type LogVerb = 'log-echo' | 'log-cat' | 'log-tee'

/** @throws WaltError `log-unavailable`, `log-refused`, `usage` */
export async function runLogCommand(
  verb: LogVerb,
  words: readonly string[],
  parts: { input: NodeJS.ReadableStream; output: NodeJS.WritableStream; path?: string },
): Promise<void> {
  const { input, output, path = logSocketPath } = parts
  const [stream, ...rest] = words
  if (stream === undefined || (verb === 'log-echo') !== rest.length > 0) {
    throw new WaltError('usage', `usage: walt-${verb} STREAM${verb === 'log-echo' ? ' TEXT...' : ''}`)
  }
  const log = openLog(path, stream)
  if (verb === 'log-echo') {
    log.write(`${rest.join(' ')}\n`)
  } else {
    // What is passed on goes on though nothing can be logged.
    for await (const chunk of input) {
      const room = verb === 'log-tee' ? [waitFor(output, output.write(chunk))] : []
      await Promise.all([...room, log.write(chunk)])
    }
  }
  await log.end()
}

function openLog(path: string, stream: string) {
  const socket = connect(path)
  let problem: unknown
  const failed = new Promise<void>((resolve) => {
    socket.once('error', (error) => {
      problem = error
      resolve()
    })
    socket.once('close', resolve)
  })
  const answer = text(socket).catch((thrown) => {
    problem ??= thrown
    return ''
  })
  socket.write(`${stream}\n`)
  return {
    write: (chunk: string | Buffer) =>
      socket.destroyed ? undefined : Promise.race([waitFor(socket, socket.write(chunk)), failed]),
    async end(): Promise<void> {
      socket.end()
      const said = (await answer).trim()
      if (said === 'OK') return
      if (said.startsWith('KO ')) throw new WaltError('log-refused', said.slice(3))
      const reason = problem === undefined ? 'it was closed before its end' : reasonOf(problem)
      throw new WaltError(
        'log-unavailable',
        `nothing can be logged: ${path}: ${reason}. Is the daemon of walt-agent running?`,
      )
    },
  }
}

function waitFor(stream: NodeJS.WritableStream, hasRoom: boolean): Promise<void> {
  return hasRoom ? Promise.resolve() : new Promise((resolve) => stream.once('drain', resolve))
}
