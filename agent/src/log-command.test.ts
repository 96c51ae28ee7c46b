/** The commands as they are run, on a real socket of the daemon. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { limits } from '@walt/shared/limits'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type LogSocket, openLogSocket } from './daemon/log-socket.ts'
import { type LogVerb, runLogCommand } from './log-command.ts'

let folder: string
let path: string
let socket: LogSocket
let lines: string[]
let passed: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'walt-log-'))
  path = join(folder, 'log.sock')
  ;[lines, passed] = [[], '']
  socket = await openLogSocket({
    path,
    add: (stream, message) => lines.push(`${stream}: ${message}`),
    warn: (message) => lines.push(`warning ${message}`),
  })
})
afterEach(async () => {
  await socket.stop()
  rmSync(folder, { recursive: true })
})

const run = (verb: LogVerb, words: string[], input: string[] = []) =>
  runLogCommand(verb, words, {
    path,
    input: Readable.from(input.map((one) => Buffer.from(one))),
    output: new Writable({
      write(chunk, _encoding, done) {
        passed += chunk
        done()
      },
    }),
  })

test('echo, cat and tee write lines to their stream; tee passes them on', async () => {
  await run('log-echo', ['app', 'hello', 'world'])
  await run('log-cat', ['app'], ['one\ntw', 'o\nlast without an end'])
  expect(passed).toBe('')
  await run('log-tee', ['other'], ['a\r\n', '\nb\n'])
  expect(passed).toBe('a\r\n\nb\n')
  expect(lines).toEqual([
    ...['app: hello world', 'app: one', 'app: two', 'app: last without an end'],
    ...['other: a', 'other: ', 'other: b'],
  ])
})

test('everybody may log; a line of any length and any bytes comes through in pieces', async () => {
  expect(statSync(path).mode & 0o777).toBe(0o666)
  await run('log-cat', ['app'], ['x'.repeat(3 * limits.logMessageMaxChars - 1)])
  expect(lines.map((line) => line.length - 'app: '.length)).toEqual([
    ...[limits.logMessageMaxChars, limits.logMessageMaxChars, limits.logMessageMaxChars - 1],
  ])
})

test('a wrong name of a stream is refused with its reason', async () => {
  await expect(run('log-echo', ['no spaces', 'x'])).rejects.toThrow(/"no spaces": a stream is/)
  await expect(run('log-echo', ['app'])).rejects.toThrow(/usage: walt-log-echo STREAM TEXT/)
  await expect(run('log-cat', [])).rejects.toThrow(/usage: walt-log-cat STREAM$/)
  expect(lines).toEqual([])
})

test('without the daemon it says so, and tee passes its input on all the same', async () => {
  await socket.stop()
  await expect(run('log-echo', ['app', 'x'])).rejects.toThrow(/Is the daemon of walt-agent running\?/)
  await expect(run('log-tee', ['app'], ['kept\n'.repeat(50_000)])).rejects.toThrow(/nothing can be logged/)
  expect(passed).toBe('kept\n'.repeat(50_000))
})

test('a program that is killed leaves what it wrote', async () => {
  const script = `require('net').connect(${JSON.stringify(path)}).write('app\\nlast words\\n', () => process.kill(process.pid, 'SIGKILL'))`
  const child = spawn(process.execPath, ['-e', script])
  await new Promise((resolve) => child.once('close', resolve))
  await expect.poll(() => lines).toEqual(['app: last words'])
})
