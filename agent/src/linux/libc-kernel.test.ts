import { execFile } from 'node:child_process'
import { closeSync, readSync, writeSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { createLibcKernel } from './libc-kernel.ts'

const kernel = createLibcKernel()
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A listener in this process answers only once the event loop turns, so the blocking calls reach its backlog. */
async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer(onConnection)
  servers.push(server)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

describe('libc kernel', () => {
  it('names call, operands and errno when a mount fails', () => {
    const request = {
      source: 'walt',
      target: '/nonexistent',
      type: 'tmpfs',
      flags: ['no-suid' as const],
      data: 'size=1m',
    }
    expect(() => kernel.mount(request)).toThrow(
      'mount walt on /nonexistent type tmpfs (no-suid,size=1m): no such file or directory (ENOENT)',
    )
  })

  it('makes a mount call on a thread of its own', async () => {
    const request = {
      source: 'walt',
      target: '/nonexistent',
      type: 'tmpfs',
      flags: [],
      data: '',
      withinMs: 30_000,
    }
    await expect(kernel.mountWithin(request)).rejects.toThrow('ENOENT')
  })

  it('flushes the file system of a path', async () => {
    await kernel.syncFileSystem({ path: '/proc', withinMs: 30_000 })
  })

  it('passes bytes through a pseudo-terminal and sets its size', async () => {
    const { controller, terminal } = kernel.openPseudoTerminal({ rows: 24, columns: 80 })
    kernel.setWindowSize({ fd: controller, rows: 50, columns: 132 })
    writeSync(terminal, 'hello')
    const bytes = Buffer.alloc(16)
    // It does not wait for what is still on its way.
    const heard = () => bytes.toString('latin1', 0, readSync(controller, bytes))
    await expect.poll(heard).toBe('hello')
    closeSync(terminal)
    closeSync(controller)
  })

  it('gives up on a silent peer and keeps count of unacknowledged bytes', async () => {
    const port = await listen(() => undefined)
    const fd = kernel.connectTcp({ address: '127.0.0.1', port, withinMs: 10_000 })
    kernel.send({ fd, bytes: Buffer.from('hello'), withinMs: 10_000 })
    await expect.poll(() => kernel.socketUnsentBytes({ fd })).toBe(0)
    expect(() => kernel.receive({ fd, maxBytes: 16, withinMs: 50 })).toThrow(
      'receive: no answer in time (EAGAIN)',
    )
    kernel.closeDescriptor(fd)
    expect(() => kernel.closeDescriptor(fd)).toThrow('EBADF')
  })

  it('says which port refused', () => {
    expect(() => kernel.connectTcp({ address: '127.0.0.1', port: 1, withinMs: 10_000 })).toThrow(
      'connect to 127.0.0.1 port 1: connection refused (ECONNREFUSED)',
    )
  })

  it('becomes another program that has its streams and ignores no signal', async () => {
    const source = `
      import { createLibcKernel } from './libc-kernel.ts'
      const args = ['-c', 'echo "$A"; grep SigIgn /proc/self/status']
      createLibcKernel().execute({ path: '/bin/sh', args, environment: { A: 'b c' } })`
    const child = promisify(execFile)(process.execPath, ['--input-type=module', '-e', source], {
      cwd: import.meta.dirname,
    })
    expect((await child).stdout).toBe('b c\nSigIgn:\t0000000000000000\n')
  })

  it('comes back from an execve that fails', () => {
    expect(() => kernel.execute({ path: '/nonexistent', args: ['a'], environment: { A: 'b' } })).toThrow(
      'ENOENT',
    )
  })
})
