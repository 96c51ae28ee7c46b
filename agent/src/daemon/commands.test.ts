import { nodeTopics } from '@walt/shared/mqtt-topics'
import type { Reply } from '@walt/shared/payloads'
import { describe, expect, it } from 'vitest'
import { type CommandOptions, createCommands } from './commands.ts'

const bootId = '00000000000000aa'
const olderBoot = '00000000000000a9'
const topics = nodeTopics('vnode1')

const none = { count: 0, bytes: 0, largest: [] }
const changes = { changed: none, system: none, complete: true }

function node(given: Partial<CommandOptions> = {}) {
  const events: string[] = []
  const replies: Record<string, Reply> = {}
  const commands = createCommands({
    node: 'vnode1',
    bootId,
    userSpace: 0,
    nowMs: () => 1_000_000,
    prepareReboot: async (cause) => ({
      accepted: true,
      run: (acknowledged) => void acknowledged.then(() => events.push(`reboot by ${cause}`)),
    }),
    prepareUserSpace: async () => ({ accepted: false, reply: 'KO hybrid mode' }),
    blink: async (on) => (on ? 'OK' : 'KO /bin/blink returned a non-zero error code'),
    kernelLogTail: () => '[    0.000000] Linux\n',
    changes: async () => changes,
    async reply(topic, reply) {
      replies[topic] = reply
      events.push('reply acknowledged')
    },
    warn: (message) => events.push(message),
    ...given,
  })
  return {
    events,
    replies,
    send: (id: string, payload: object | string) =>
      commands.handle(
        topics.command(id),
        Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)),
      ),
  }
}

const given = { bootId, deadline: 1_005_000 }

describe('commands', () => {
  it('answers each on its reply topic', async () => {
    const { send, replies } = node()
    await send('1', { ...given, command: 'ping' })
    await send('2', { ...given, command: 'dmesg' })
    await send('3', { ...given, command: 'blink', on: true })
    await send('4', { ...given, command: 'blink', on: false })
    expect(replies).toEqual({
      [topics.reply('1')]: { ok: true },
      [topics.reply('2')]: { ok: true, output: '[    0.000000] Linux\n' },
      [topics.reply('3')]: { ok: true },
      [topics.reply('4')]: {
        ok: false,
        code: 'refused',
        message: '/bin/blink returned a non-zero error code',
      },
    })
  })

  it('reboots once the reply is acknowledged', async () => {
    const { send, events } = node()
    await send('1', { ...given, command: 'reboot', requestedBy: 'alice' })
    await expect.poll(() => events).toEqual(['reply acknowledged', 'reboot by MQTT command from alice'])
  })

  it('refuses what is meant for another boot, and what comes late', async () => {
    const { send, replies, events } = node()
    await send('1', { ...given, bootId: olderBoot, command: 'reboot' })
    await send('2', { ...given, deadline: 998_500, command: 'reboot' })
    expect(replies[topics.reply('1')]).toEqual({
      ok: false,
      code: 'stale-boot',
      message: `the command is meant for boot ${olderBoot}, and this is boot ${bootId}`,
    })
    expect(replies[topics.reply('2')]).toEqual({
      ok: false,
      code: 'deadline-passed',
      message: 'the command came 1.5 s after its deadline',
    })
    expect(events.join()).not.toContain('reboot by')
  })

  it('answers for user space before it is restarted, or says why not', async () => {
    const { send, events } = node({
      prepareUserSpace: async (cause) => ({
        accepted: true,
        run: (acknowledged) => void acknowledged.then(() => events.push(cause)),
      }),
    })
    await send('1', { ...given, command: 'userspace-reboot', requestedBy: 'alice' })
    await expect.poll(() => events).toEqual(['reply acknowledged', 'userspace reboot asked by alice'])
    const refusing = node()
    await refusing.send('1', { ...given, command: 'userspace-reboot' })
    expect(refusing.replies[topics.reply('1')]).toEqual({
      ok: false,
      code: 'refused',
      message: 'hybrid mode',
    })
  })

  it('refuses what is meant for another user space of its boot', async () => {
    const second = node({ userSpace: 1 })
    await second.send('1', { ...given, command: 'reboot' })
    await second.send('2', { ...given, command: 'reboot', userSpace: 2 })
    await second.send('3', { ...given, command: 'ping', userSpace: 1 })
    const stale = (meant: number) => ({
      ok: false,
      code: 'stale-boot',
      message: `the command is meant for user space ${meant} of the boot, and this is user space 1`,
    })
    expect(second.replies).toEqual({
      [topics.reply('1')]: stale(0),
      [topics.reply('2')]: stale(2),
      [topics.reply('3')]: { ok: true },
    })
    expect(second.events.join()).not.toContain('reboot by')
  })

  it('does what is delivered twice once', async () => {
    const { send, events } = node()
    await send('1', { ...given, command: 'ping' })
    await send('1', { ...given, command: 'ping' })
    expect(events).toEqual(['reply acknowledged'])
  })

  it.each([
    ['not JSON', 'the payload is not JSON'],
    ['{"command":"format","bootId":"00000000000000aa","deadline":1005000}', /^command: /],
    ['{"command":"reboot"}', /^bootId: /],
  ])('refuses %j', async (payload, message) => {
    const { send, replies } = node()
    await send('1', payload)
    expect(replies[topics.reply('1')]).toMatchObject({ ok: false, code: 'payload-invalid' })
    expect(replies[topics.reply('1')]!.message).toMatch(message)
  })
})
