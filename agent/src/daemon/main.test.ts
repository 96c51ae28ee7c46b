import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { BootReport } from '@walt/shared/boot-report'
import { nodeTopics } from '@walt/shared/mqtt-topics'
import { nodeLines, parsePayload } from '@walt/shared/payloads'
import { Aedes, type AedesPublishPacket } from 'aedes'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFakeKernel } from '../linux/fake-kernel.ts'
import { runLogCommand } from '../log-command.ts'
import { type DaemonOptions, runDaemon } from './main.ts'

const bootId = '00000000000000aa'
const topics = nodeTopics('vnode1')
const report: BootReport = {
  version: 1,
  agentVersion: '0.1.0',
  nodeName: 'vnode1',
  bootId,
  image: 'debian',
  mode: 'network',
  virtual: true,
  kernelUptimeMs: 1,
  totalMs: 1,
  swapBytes: 0,
  zswap: false,
  persist: false,
  steps: [],
  problems: [],
  commandLine: '',
}

let folder = ''
const cleanups: (() => unknown)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'walt-daemon-'))
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  rmSync(folder, { recursive: true })
})

async function listen(handle: Parameters<typeof createServer>[1], port = 0): Promise<number> {
  const server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  cleanups.push(() => server.close())
  return (server.address() as AddressInfo).port
}

async function startBroker(wanted = 0) {
  const aedes = await Aedes.createBroker()
  const port = await listen((socket) => aedes.handle(socket), wanted)
  cleanups.push(() => new Promise<void>((resolve) => aedes.close(() => resolve())))
  const published: { topic: string; value: Record<string, unknown> }[] = []
  aedes.on('publish', (packet: AedesPublishPacket) => {
    if (packet.topic.startsWith('$SYS')) return
    published.push({ topic: packet.topic, value: JSON.parse(packet.payload.toString()) })
  })
  function command(id: string, value: object): void {
    const payload = Buffer.from(JSON.stringify(value))
    const topic = topics.command(id)
    aedes.publish({ cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false }, () => {})
  }
  return { port, published, command, of: (topic: string) => published.filter((one) => one.topic === topic) }
}

/** A daemon with a folder for a machine. Resolves once its control port is open. */
async function startDaemon(commandLine: string, given: Partial<DaemonOptions> & { booted?: boolean } = {}) {
  if (given.booted !== false) writeFileSync(join(folder, 'boot.json'), JSON.stringify(report))
  writeFileSync(join(folder, 'cmdline'), commandLine)
  const log: string[] = []
  const opened = Promise.withResolvers<number>()
  const stop = new AbortController()
  const ended = runDaemon({
    kernel: createFakeKernel({ pageBytes: () => 4096, socketUnsentBytes: () => 0 }),
    selfCommand: ['/nonexistent'],
    stop: stop.signal,
    log(message) {
      log.push(message)
      const port = /control port (\d+) is open/.exec(message)?.[1]
      if (port !== undefined) opened.resolve(Number(port))
    },
    places: {
      bootReport: join(folder, 'boot.json'),
      userSpace: join(folder, 'user-space'),
      commandLine: join(folder, 'cmdline'),
      runFolder: folder,
      onBootup: join(folder, 'on-bootup'),
      controlPort: 0,
      devices: folder,
      modprobe: '/nonexistent',
      sshPort: await listen((socket) => socket.on('error', () => {}).write('SSH-2.0-test\r\n')),
    },
    ...given,
  })
  cleanups.push(() => {
    stop.abort()
    return ended
  })
  return { port: await opened.promise, log, stop: () => stop.abort(), ended }
}

function ask(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = ''
    const peer = connect(port, '127.0.0.1', () => peer.write(text))
    peer.on('data', (bytes) => {
      heard += bytes.toString()
    })
    peer.on('close', () => resolve(heard))
    peer.on('error', reject)
  })
}

const arguments_ = (port: number) =>
  `root=/dev/nfs walt.server.ip=127.0.0.1 walt.node.name=vnode1 walt.boot.id=${bootId} walt.token=secret walt.mqtt.port=${port}`

describe('daemon', () => {
  it('keeps what programs write to the log while there is no broker', async () => {
    const probe = createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    const { port } = probe.address() as AddressInfo
    probe.close()
    await once(probe, 'close')
    await startDaemon(arguments_(port))
    const path = join(folder, 'walt-log.sock')
    await expect.poll(() => existsSync(path)).toBe(true)
    await runLogCommand('log-echo', ['app', 'early'], { input: process.stdin, output: process.stdout, path })
    const broker = await startBroker(port)
    await expect
      .poll(() => broker.of(topics.lines).map(({ value }) => value))
      .toMatchObject([{ stream: 'app', lines: [{ message: 'early' }] }])
  })

  it('passes on what programs write to the log, in order, and the last of it before it ends', async () => {
    const broker = await startBroker()
    const daemon = await startDaemon(arguments_(broker.port))
    const path = join(folder, 'walt-log.sock')
    await expect.poll(() => existsSync(path)).toBe(true)
    const [input, output] = [Readable.from([Buffer.from('one\ntwo\n')]), process.stdout]
    await runLogCommand('log-cat', ['app'], { input, output, path })
    const said = () =>
      broker.of(topics.lines).flatMap(({ value }) => {
        const { stream, lines } = parsePayload(nodeLines, JSON.stringify(value))
        return lines.map((line) => `${stream}: ${line.message}`)
      })
    await expect.poll(said).toEqual(['app: one', 'app: two'])
    await runLogCommand('log-echo', ['app', 'the', 'last'], { input, output, path })
    daemon.stop()
    await daemon.ended
    expect(said()).toEqual(['app: one', 'app: two', 'app: the last'])
    expect(existsSync(path)).toBe(false)
  })

  it('reports booting, booted, its boot and its health, answers commands, and says goodbye', async () => {
    const broker = await startBroker()
    const daemon = await startDaemon(arguments_(broker.port))
    const states = () => broker.of(topics.state).map(({ value }) => value.state)
    await expect.poll(states).toContain('booted')
    await expect.poll(() => broker.of(topics.telemetry)[0]?.value).toMatchObject({ bootId })
    expect(broker.of(topics.boot)[0]?.value).toEqual(report)
    expect(broker.of(topics.state).at(-1)?.value).toMatchObject({ bootId, image: 'debian', mode: 'network' })
    broker.command('7', { command: 'ping', bootId, deadline: Date.now() + 60_000 })
    await expect.poll(() => broker.of(topics.reply('7'))[0]?.value).toEqual({ ok: true })
    daemon.stop()
    await daemon.ended
    expect(states().at(-1)).toBe('down')
    expect(broker.of(topics.state).at(-1)?.value.cause).toBe('the operating system shuts down')
  })

  it('reboots by MQTT: reply acknowledged, state told, then the kernel', async () => {
    const broker = await startBroker()
    const rebooted = Promise.withResolvers<string[]>()
    const kernel = createFakeKernel({
      pageBytes: () => 4096,
      reboot: () => rebooted.resolve(broker.published.map(({ topic }) => topic)),
    })
    await startDaemon(arguments_(broker.port), { kernel })
    await expect.poll(() => broker.of(topics.state).length).toBeGreaterThan(0)
    broker.command('8', { command: 'reboot', bootId: '00000000000000a9', deadline: Date.now() + 60_000 })
    await expect.poll(() => broker.of(topics.reply('8'))[0]?.value.code).toBe('stale-boot')
    broker.command('9', { command: 'reboot', bootId, deadline: Date.now() + 60_000, requestedBy: 'alice' })
    expect(await rebooted.promise).toContain(topics.reply('9'))
    expect(broker.of(topics.state).at(-1)?.value).toMatchObject({
      state: 'rebooting',
      cause: 'MQTT command from alice',
    })
    expect(readFileSync(join(folder, '.rebooting'), 'utf8')).toBe('MQTT command from alice\n')
  })

  it('tells the server that it is a later user space, in which no reboot is under way any more', async () => {
    const broker = await startBroker()
    writeFileSync(join(folder, 'user-space'), '2\n')
    writeFileSync(join(folder, '.rebooting'), 'userspace reboot\n')
    await startDaemon(arguments_(broker.port))
    await expect
      .poll(() => broker.of(topics.state).at(-1)?.value)
      .toMatchObject({ state: 'booted', bootId, userSpace: 2 })
    expect(existsSync(join(folder, '.rebooting'))).toBe(false)
  })

  it('serves its port without a broker, and reboots at once', async () => {
    const rebooted = Promise.withResolvers<void>()
    const kernel = createFakeKernel({
      pageBytes: () => 4096,
      socketUnsentBytes: () => 0,
      reboot: () => rebooted.resolve(),
    })
    const { port } = await startDaemon(arguments_(1), { kernel })
    expect(await ask(port, 'MODE single\nPING\n')).toBe('OK\n')
    expect(await ask(port, 'MODE single\nREBOOT\n')).toBe('OK\n')
    await rebooted.promise
  })

  it('touches nothing on a machine that it did not boot', async () => {
    const { port, log } = await startDaemon('BOOT_IMAGE=/vmlinuz', { booted: false })
    expect(await ask(port, 'MODE single\nREBOOT\n')).toBe('KO this machine was not booted by walt-agent\n')
    expect(log[0]).toContain('it is left as it is')
  })
})
