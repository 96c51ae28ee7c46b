/** A port of loopback that leads to a server inside of a network namespace, so that a browser outside can reach it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import path from 'node:path'
import { eventually } from './eventually.ts'
import { type Platform, serverAddress } from './platform.ts'
import { repositoryFolder } from './repository.ts'

const inside = path.join(repositoryFolder, 'test/support/port-forward-inside.ts')

export type PortForward = { origin: string; stop(): Promise<void> }

/** Who connects is nobody in particular to the server: it wants the token, as of anybody who comes by TCP. */
export async function forwardPort(platform: Platform, port = 8080): Promise<PortForward> {
  const gate = path.join(path.dirname(platform.socket), `port-${port}.sock`)
  const child = spawn(
    'ip',
    [
      ...['netns', 'exec', platform.namespace.name, 'setpriv', '--pdeathsig', 'TERM', '--'],
      ...[process.execPath, '--no-warnings', inside, gate, serverAddress, String(port)],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const onward = connect(gate)
    for (const one of [socket, onward]) {
      sockets.add(one)
      one.on('close', () => sockets.delete(one))
    }
    socket.on('error', () => onward.destroy()).on('close', () => onward.destroy())
    onward.on('error', () => socket.destroy()).on('close', () => socket.destroy())
    socket.pipe(onward).pipe(socket)
  })
  async function stop(): Promise<void> {
    for (const socket of sockets) socket.destroy()
    server.close()
    if (child.exitCode === null && child.signalCode === null && child.kill()) await once(child, 'close')
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const origin = `http://127.0.0.1:${address.port}`
  try {
    await eventually('the port leads to the server', 15_000, async () => (await fetch(origin)).ok)
  } catch (thrown) {
    await stop()
    throw thrown
  }
  return { origin, stop }
}
