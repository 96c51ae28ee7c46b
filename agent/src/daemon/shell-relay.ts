import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import type { ControlInput } from './control-input.ts'
import type { Shell } from './shell.ts'

export type ShellEnd = 'exited' | 'timeout' | 'peer-gone'

/**
 * Joins a connection and a shell until the shell ends, the peer says nothing for `shellIdleMs`, or the peer is gone.
 * Nothing of the shell is left running afterwards.
 */
export async function relayShell(
  socket: Socket,
  input: ControlInput,
  shell: Shell,
  times: { shellIdleMs: number; shellEndMs: number },
): Promise<ShellEnd> {
  const end = Promise.withResolvers<ShellEnd>()
  const over = new AbortController()
  const gone = () => end.resolve('peer-gone')
  const printed = printOutput(shell, socket)
  socket.once('close', gone)
  shell.exited.then(() => end.resolve('exited'))

  async function feed(): Promise<void> {
    while (!over.signal.aborted) {
      const next = await input.nextBytes(times.shellIdleMs, over.signal)
      if (next.kind === 'timeout') return end.resolve('timeout')
      if (next.kind === 'end') {
        // The peer has ended its side: it may still read what the shell has to say, if it is there at all.
        shell.endInput()
        setTimeout(() => end.resolve('timeout'), times.shellEndMs).unref()
        return
      }
      await writeAll(shell.input, next.bytes, end.promise)
    }
  }

  const fed = feed()
  const how = await end.promise
  over.abort()
  socket.off('close', gone)
  if (how === 'exited') await within(printed, times.shellEndMs)
  shell.kill()
  await shell.exited
  await fed
  return how
}

function printOutput(shell: Shell, socket: Socket): Promise<void> {
  const resume = () => shell.output.resume()
  socket.on('drain', resume)
  shell.output.on('data', (bytes: Buffer) => {
    if (socket.writable && !socket.write(bytes)) shell.output.pause()
  })
  return new Promise((resolve) => {
    shell.output.once('close', () => {
      socket.off('drain', resume)
      resolve()
    })
  })
}

function writeAll(to: Writable, bytes: Buffer, stop: Promise<unknown>): Promise<unknown> {
  if (!to.writable || to.write(bytes)) return Promise.resolve()
  return Promise.race([new Promise((resolve) => to.once('drain', resolve)), stop])
}

function within(promise: Promise<unknown>, ms: number): Promise<unknown> {
  return Promise.race([promise, new Promise((resolve) => setTimeout(resolve, ms))])
}
