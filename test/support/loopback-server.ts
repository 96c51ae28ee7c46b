/** A whole server on loopback, without root: nodes have addresses of loopback, so they can be played by the test. */
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import http from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { readServerConfig, type ServerConfig } from '../../server/src/config.ts'
import { infrastructureOf } from '../../server/src/infrastructure.ts'
import { startServer } from '../../server/src/server.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

export type Answer = { status: number; body: string; json: <T = Record<string, unknown>>() => T }

export type LoopbackServer = {
  state: string
  config: ServerConfig
  /** Starts another one on the same state folder. */
  start(): Promise<void>
  stop(): Promise<void>
  /** By the Unix socket, below `/api/v1/`. */
  api(method: string, path: string, body?: unknown): Promise<Answer>
  /** By TCP, from one of loopback's many addresses. */
  tcp(method: string, path: string, from: string, headers?: http.OutgoingHttpHeaders): Promise<Answer>
  /** A node with a MAC address: the first gets 127.0.0.10. */
  createNode(name: string, number: number): Promise<Answer>
  /** Plays the control port of a node; returns what it was asked. */
  playNode(address: string, reply: string): Promise<string[]>
  /** Ends all, and removes the state folder. */
  end(): Promise<void>
}

/** With a shorter `prefix` there are addresses for more nodes; `postgresql` is the URL of a database to keep all in. */
export async function startLoopbackServer({
  prefix = 24,
  postgresql = null,
}: {
  prefix?: number
  postgresql?: string | null
} = {}): Promise<LoopbackServer> {
  // On a disk: /tmp may be in memory, where no swap may be.
  const state = await mkdtemp('/var/tmp/walt-server-')
  const [httpPort, brokerPort, swapPort] = [await freePort(), await freePort(), await freePort()]
  const config = readServerConfig(`
    state: ${state}
    network: { address: 127.0.0.1, prefix: ${prefix}, bridge: null }
    http: { port: ${httpPort} }
    broker: { port: ${brokerPort} }
    swap: { port: ${swapPort} }
    nfs: { server: none }
    store: { postgresql: ${JSON.stringify(postgresql)} }
  `)
  for (const image of ['debian12', 'debian13']) await makeImage(state, image)
  const start = () =>
    startServer(config, infrastructureOf(config), { version: '0.0.0', now: Date.now, log: quiet })
  let server = await start()
  const nodes: Server[] = []
  const sockets = new Set<Socket>()

  const api = (method: string, path: string, body?: unknown) =>
    request({ socketPath: config.http.socket, method, path: `/api/v1/${path}` }, body)

  return {
    state,
    config,
    api,
    async start() {
      server = await start()
    },
    stop: () => server.stop(),
    tcp: (method, path, localAddress, headers = {}) =>
      request({ host: '127.0.0.1', port: httpPort, localAddress, method, path, headers }),
    createNode: (name, number) =>
      api('POST', 'nodes', { name, mac: `02:00:00:00:00:0${number}`, image: 'debian12' }),
    async playNode(address, reply) {
      const requests: string[] = []
      const node = createServer((socket) => {
        sockets.add(socket)
        socket.on('error', () => {})
        socket.on('data', (chunk) => {
          requests.push(chunk.toString())
          socket.end(reply)
        })
      }).listen(12_346, address)
      nodes.push(node)
      await once(node, 'listening')
      return requests
    },
    async end() {
      await server.stop()
      for (const socket of sockets) socket.destroy()
      for (const node of nodes) node.close()
      await rm(state, { recursive: true })
    },
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** As little as passes for an image. */
export async function makeImage(state: string, name: string): Promise<void> {
  const root = join(state, 'images', name, 'fs')
  const boot = join(root, 'boot/pc-x86-64')
  for (const folder of [boot, join(root, 'bin'), join(root, 'usr/lib/walt')])
    await mkdir(folder, { recursive: true })
  for (const file of ['kernel', 'initrd']) await writeFile(join(boot, file), `${file} of ${name}`)
  for (const file of ['bin/walt-init', 'usr/lib/walt/walt-agent']) {
    await writeFile(join(root, file), '#!/bin/sh\n', { mode: 0o755 })
  }
}

export function request(where: http.RequestOptions, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', ...where.headers }
    const sent = http.request({ agent: false, ...where, headers }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk) => chunks.push(chunk))
      answer.on('end', () => {
        const received = Buffer.concat(chunks).toString()
        resolve({ status: answer.statusCode ?? 0, body: received, json: () => JSON.parse(received) })
      })
      answer.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
