/** walt-server killed with -9 while nodes run, and started again: nobody but the server notices. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { limits } from '@walt/shared/limits'
import { nodeTopics } from '@walt/shared/mqtt-topics'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { createNode, type NodeShown, nextBoot, onNode, showNode } from '../support/node-probes.ts'
import { baseImage, type Platform, prepareImages, serverAddress, startPlatform } from '../support/platform.ts'
import { canRunNodes } from '../support/requirements.ts'
import { mustRun, type ProgramResult } from '../support/run-program.ts'

type Details = NodeShown & { history: { state: string; cause?: string; bootId?: string }[] }
type Status = { broker: { connections: number }; nfs: { state: string }; vnodes: { running: number } }

const names = ['vnode1', 'vnode2']
const graceSeconds = 15
const statesRightMs = 15_000
/** Large, and not among what a boot reads. */
const imageFile = '/usr/bin/perl'

describe.runIf(canRunNodes('user-mode-linux'))('a server that is killed', () => {
  let platform: Platform

  beforeAll(async () => {
    await prepareImages({ fresh: false, onOutput: (text) => process.stderr.write(text) })
    platform = await startPlatform({ purpose: 'test', engine: 'uml', graceSeconds })
    for (const name of names) await createNode(platform, name)
    for (const name of names) await nextBoot(platform, name, undefined)
  })
  afterAll(() => platform?.stop())

  const details = (name: string) => platform.waltJson<Details>('node', 'show', name)
  const recordOf = (name: string) => readFile(path.join(platform.stateFolder, 'run/machines', name), 'utf8')

  /** All that a reboot, or a new machine, would change. */
  async function facts(name: string) {
    const kernel = await onNode(platform, name, 'cat /proc/sys/kernel/random/boot_id')
    const { state, bootId, history } = await details(name)
    return { kernel, state, bootId, history, machine: await recordOf(name) }
  }
  const allFacts = () => Promise.all(names.map(facts))

  /** Without the server, whose `walt` would not answer. */
  async function directly(address: string, command: string): Promise<string> {
    const key = path.join(platform.stateFolder, 'ssh/id_ed25519')
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR']
    const words = ['-i', key, ...options.flatMap((option) => ['-o', option]), `root@${address}`, command]
    return mustRun('ip', ['netns', 'exec', platform.namespace.name, 'ssh', ...words], { timeoutMs: 30_000 })
  }

  /** The server says of both nodes what is true; and they find it again, by backoff. */
  async function untilStatesAreRight(): Promise<string> {
    const began = Date.now()
    await eventually('all nodes are booted', statesRightMs, async () => {
      const { nfs, vnodes } = await platform.waltJson<Status>('server', 'status')
      const shown = await Promise.all(names.map((name) => showNode(platform, name)))
      const running = nfs.state === 'running' && vnodes.running === names.length
      return running && shown.every(({ state }) => state === 'booted')
    })
    const right = Date.now() - began
    await eventually('all nodes are connected', limits.nodeReconnectMs, async () => {
      return (await platform.waltJson<Status>('server', 'status')).broker.connections >= names.length
    })
    return `states right after ${right} ms, all connected after ${Date.now() - began} ms`
  }

  it('for 1 s, 10 s and 1 s leaves nodes, machines, NFS and consoles as they are', async () => {
    const before = await allFacts()
    const nfs = await readFile(path.join(platform.stateFolder, 'run/nfs/process'), 'utf8')
    const { address } = await showNode(platform, 'vnode1')
    const original = path.join(platform.stateFolder, 'images', baseImage, 'fs', imageFile)
    const [sum = ''] = (await mustRun('sha256sum', [original])).split(' ')
    for (const [round, awayMs] of [1_000, 10_000, 1_000].entries()) {
      await platform.killServer()
      const killed = Date.now()
      const said = `spoken in round ${round}`
      const read = `echo ${said} >/dev/console; echo 3 >/proc/sys/vm/drop_caches; sha256sum ${imageFile}`
      expect(await directly(address, read)).toContain(sum)
      await wait(Math.max(0, killed + awayMs - Date.now()))
      await platform.startServer()
      console.log(`away for ${awayMs} ms: ${await untilStatesAreRight()}`)
      const { stdout } = await platform.walt('node', 'console', 'vnode1')
      expect(stdout).toContain(said)
    }
    expect(await allFacts()).toEqual(before)
    expect(await readFile(path.join(platform.stateFolder, 'run/nfs/process'), 'utf8')).toBe(nfs)
  })

  it('answers what it was asked before, or whoever asked is told that it is gone', async () => {
    const { bootId } = await showNode(platform, 'vnode1')
    const password = (await readFile(path.join(platform.stateFolder, 'run/operator.password'), 'utf8')).trim()
    const access = ['-V', 'mqttv311', '-h', serverAddress, '-u', 'operator', '-P', password]
    const { command, reply } = nodeTopics('vnode1')
    const topics = ['-q', '1', '-W', '10', '-t', command('asked'), '-e', reply('asked')]
    const asked = JSON.stringify({ command: 'changes', bootId, deadline: Date.now() + 20_000 })
    const byMqtt = platform.inside('mosquitto_rr', ...access, ...topics, '-m', asked)
    const byWalt = platform.walt('node', 'changes', 'vnode2')
    // Long enough for both to have asked.
    await wait(400)
    await platform.killServer()
    const outcomes: ProgramResult[] = [await byMqtt, await byWalt]
    for (const { status, stdout, stderr } of outcomes) {
      // An answer may be that nothing has changed, which is said to the person.
      expect(status === 0 ? stdout + stderr : stderr).not.toBe('')
    }
    console.log(`in flight: statuses ${outcomes.map(({ status }) => status).join(', ')}`)
    await platform.startServer()
    await untilStatesAreRight()
  })

  it('and started again reboots nodes, softly and hard', async () => {
    const [soft, hard] = await allFacts()
    const machine = await recordOf('vnode2')
    expect(await platform.walt('node', 'reboot', 'vnode1')).toMatchObject({ status: 0, stderr: '' })
    expect(await platform.walt('node', 'reboot', '--hard', 'vnode2')).toMatchObject({ status: 0, stderr: '' })
    await Promise.all([
      nextBoot(platform, 'vnode1', soft?.bootId),
      nextBoot(platform, 'vnode2', hard?.bootId),
    ])
    expect(await recordOf('vnode2')).not.toBe(machine)
    const { history } = await details('vnode1')
    const since = history.slice(0, history.length - (soft?.history.length ?? 0)).toReversed()
    // Both the server and the node say why.
    const states = since.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1])
    expect(states).toEqual(['rebooting', 'booting', 'booted'])
    expect(history.map(({ cause }) => cause ?? '').join('\n')).not.toMatch(/lost|ended/)
  })

  it('and not started again within the grace time leaves nothing behind', async () => {
    const inside = async () => (await mustRun('ip', ['netns', 'pids', platform.namespace.name])).trim()
    await platform.killServer()
    await wait((graceSeconds * 1000) / 2)
    expect((await inside()).split('\n').length).toBeGreaterThan(names.length)
    await eventually('all processes are gone', graceSeconds * 1000, async () => (await inside()) === '')
    const links = await mustRun('ip', ['-n', platform.namespace.name, '-o', 'link', 'show'])
    expect(links.trim().split('\n')).toHaveLength(1)

    await platform.startServer()
    for (const name of names) {
      const { history } = await details(name)
      expect(history.map(({ cause }) => cause)).toContain('it ended while no walt-server ran')
      expect(history[0]?.state).toBe('booting')
    }
  })
})
