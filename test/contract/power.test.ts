/** Hard reboots of physical nodes: a whole server against a real SNMP agent, and real programs. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { limits } from '@walt/shared/limits'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type LoopbackServer, startLoopbackServer } from '../support/loopback-server.ts'
import {
  controllerAddress,
  controllerUser,
  type ManagementController,
  startManagementController,
} from '../support/management-controller.ts'
import { freeUdpPort, type PoeSwitch, startPoeSwitch, switchSecrets } from '../support/poe-switch.ts'
import { runProgram } from '../support/run-program.ts'
import { needTool } from '../support/tools.ts'

let server: LoopbackServer
const api: LoopbackServer['api'] = (...words) => server.api(...words)

beforeEach(async () => {
  server = await startLoopbackServer()
  await server.createNode('rpi1', 1)
})
afterEach(() => server.end())

async function configure(settings: Record<string, string>): Promise<void> {
  const answer = await api('PATCH', 'nodes', { nodes: 'rpi1', settings })
  expect(answer.body).not.toContain('"code"')
}

async function reboot(hard = true): Promise<{ ok: boolean; message: string; method?: string }> {
  const answer = await api('POST', 'nodes/reboot', { nodes: 'rpi1', hard, requestedBy: 'ann' })
  const [result] = answer.json<{ results: { ok: boolean; message: string }[] }>().results
  if (!result) throw new Error(answer.body)
  return result
}

const stateOf = async () => (await api('GET', 'nodes/rpi1')).json().state

describe.runIf(needTool('snmpd'))('a node on a PoE port', () => {
  let poeSwitch: PoeSwitch
  const version2 = { 'poe.reboots': 'true', 'snmp.community': switchSecrets.community }
  const version3 = {
    'poe.reboots': 'true',
    'snmp.version': '3',
    'snmp.user': switchSecrets.user,
    'snmp.auth.password': switchSecrets.authPassword,
    'snmp.privacy.password': switchSecrets.privacyPassword,
  }

  beforeAll(async () => {
    poeSwitch = await startPoeSwitch()
  })
  afterAll(() => poeSwitch?.stop())
  beforeEach(() => configure({ 'poe.port': 'switch1/5' }))

  async function setUpSwitch(settings: Record<string, string>): Promise<void> {
    const created = await api('POST', 'devices', {
      name: 'switch1',
      type: 'switch',
      address: poeSwitch.address,
    })
    expect(created.status).toBe(201)
    const all = { 'snmp.port': String(poeSwitch.port), ...settings }
    const configured = await api('PATCH', 'devices/switch1', { settings: all })
    expect(configured.status).toBe(200)
  }

  /** What the switch was told by `act`. */
  async function writesOf(act: () => Promise<unknown>) {
    const before = (await poeSwitch.writes()).length
    await act()
    return (await poeSwitch.writes()).slice(before)
  }

  test.each([
    ['2c', version2],
    ['3', version3],
  ])('is off for two seconds and then on again, by SNMP v%s', async (_version, settings) => {
    await setUpSwitch(settings)
    const writes = await writesOf(async () => {
      expect(await reboot()).toEqual({
        node: 'rpi1',
        ok: true,
        method: 'hard',
        message: 'rpi1: rebooted OK.',
      })
    })
    expect(writes.map(({ on }) => on)).toEqual([false, true])
    const [off, on] = writes
    expect((on?.at ?? 0) - (off?.at ?? 0)).toBeGreaterThanOrEqual(limits.powerOffMs - 10)
    expect(await stateOf()).toBe('rebooting')
  })

  test('is power-cycled after it did not answer', async () => {
    await setUpSwitch(version2)
    expect(await writesOf(async () => expect((await reboot(false)).method).toBe('hard'))).toHaveLength(2)
  })

  const failures: Record<string, { settings: Record<string, string>; says: string | RegExp }> = {
    'poe.reboots is not set': {
      settings: { 'snmp.community': switchSecrets.community },
      says: 'PoE-reboot (poe.reboots is not set on switch1)',
    },
    'the community is wrong': {
      settings: { ...version2, 'snmp.community': 'nonsense' },
      says: /PoE-reboot \(port 5 of switch1 at 127\.0\.0\.1: the switch does not answer: is snmp\.community right\?/,
    },
    'the community may only read': {
      settings: { ...version2, 'snmp.community': switchSecrets.readCommunity },
      says: /the switch refuses \(.*\): may snmp\.community write\?/,
    },
    'the user is unknown': {
      settings: { ...version3, 'snmp.user': 'nobody' },
      says: /the switch refuses \(.*\): are snmp\.user and its passwords right\?/,
    },
    'the password is wrong': {
      settings: { ...version3, 'snmp.auth.password': 'nonsense' },
      says: /the switch refuses \(.*\): are snmp\.user and its passwords right\?/,
    },
    'the privacy password is wrong': {
      settings: { ...version3, 'snmp.privacy.password': 'nonsense' },
      says: /does not answer: are snmp\.version and snmp\.privacy\.password right\?/,
    },
  }
  test.each(Object.entries(failures))(
    'is left alone, and the answer says why, where %s',
    async (_, failure) => {
      await setUpSwitch(failure.settings)
      const writes = await writesOf(async () => {
        const { ok, message } = await reboot(false)
        expect(ok).toBe(false)
        expect(message).toMatch(/^rpi1: failed soft-reboot \(connection refused\) and PoE-reboot \(/)
        if (typeof failure.says === 'string') expect(message).toContain(failure.says)
        else expect(message).toMatch(failure.says)
      })
      expect(writes).toEqual([])
      expect(await stateOf()).toBe('new')
    },
  )

  test('is left alone where nothing listens, the switch is not known, or has no such port', async () => {
    expect((await reboot()).message).toBe(
      'rpi1: failed PoE-reboot (poe.port=switch1/5, but no device is named "switch1")',
    )
    await setUpSwitch({ ...version2, 'snmp.port': String(await freeUdpPort()) })
    expect((await reboot()).message).toMatch(/the switch is there, but has no SNMP on UDP port [0-9]+\)$/)
    await api('PATCH', 'devices/switch1', { settings: { 'snmp.port': String(poeSwitch.port) } })
    await configure({ 'poe.port': 'switch1/6' })
    expect((await reboot()).message).toBe(
      'rpi1: failed PoE-reboot (port 6 of switch1 at 127.0.0.1: it has no such PoE port)',
    )
  })

  test('has a switch whose secrets are kept over a restart and never shown', async () => {
    await setUpSwitch(version3)
    await server.stop()
    await server.start()
    const shown = (await api('GET', 'devices')).body
    expect(shown).toContain('"snmp.auth.password":"(set)"')
    expect(shown).not.toContain(switchSecrets.authPassword)
    expect((await reboot()).ok).toBe(true)
    expect(
      (await api('POST', 'devices', { name: 'switch1', type: 'switch', address: '10.0.0.2' })).status,
    ).toBe(409)
    expect((await api('DELETE', 'devices/switch1')).status).toBe(204)
    expect((await api('PATCH', 'devices/switch1', { settings: {} })).status).toBe(404)
  })
})

describe('a node with a command of its own', () => {
  test('is rebooted by it, and the answer says how it failed', async () => {
    const file = join(server.state, 'switched')
    await configure({ 'power.command': `echo "$WALT_NODE $WALT_NODE_MAC $WALT_NODE_ADDRESS" > ${file}` })
    expect(await reboot()).toMatchObject({ ok: true, method: 'hard' })
    expect(await readFile(file, 'utf8')).toBe('rpi1 02:00:00:00:00:01 127.0.0.10\n')
    await configure({ 'power.command': 'echo the outlet is gone; exit 3' })
    expect((await reboot()).message).toMatch(
      /^rpi1: failed power\.command \(.*status 3.*the outlet is gone\)$/,
    )
  })
})

/** Of all programs called ipmitool. */
const listCommandLines =
  'for file in /proc/[0-9]*/cmdline; do tr "\\0" " " < $file; echo; done 2> /dev/null | grep "^ipmitool "'
const canSimulate = process.getuid?.() === 0 && needTool('ipmi_sim') && needTool('ipmitool')

describe.runIf(canSimulate)('a node with a management controller', () => {
  let controller: ManagementController
  const access = {
    'ipmi.address': controllerAddress,
    'ipmi.user': controllerUser.name,
    'ipmi.password': controllerUser.password,
  }

  beforeEach(async () => {
    controller = await startManagementController()
  })
  afterEach(() => controller?.stop())

  test('is power-cycled through it, its password being in no argument', async () => {
    await configure(access)
    const rebooted = reboot()
    const seen = await eventually('ipmitool runs', 10_000, async () => {
      const { stdout } = await runProgram('sh', ['-c', listCommandLines])
      return stdout.includes(controllerAddress) && stdout
    })
    expect(seen).not.toContain(controllerUser.password)
    expect(await rebooted).toMatchObject({ ok: true, method: 'hard', message: 'rpi1: rebooted OK.' })
    await eventually('the power is back', 30_000, async () => (await controller.writes()).length === 2)
    expect(await controller.writes()).toEqual(['off', 'on'])
  })

  test('is switched on where it was off', async () => {
    await controller.setPower(false)
    await configure(access)
    expect((await reboot()).ok).toBe(true)
    expect(await controller.writes()).toEqual(['on'])
  })

  test('is left alone where the password is wrong, and the answer says so', async () => {
    await configure({ ...access, 'ipmi.password': 'nonsense' })
    const { ok, message } = await reboot()
    expect(ok).toBe(false)
    expect(message).toMatch(/^rpi1: failed IPMI-reboot \(.*Unable to establish IPMI v2.*\)$/)
    expect(message).not.toContain('nonsense')
    expect(await controller.writes()).toEqual([])
  })
})
