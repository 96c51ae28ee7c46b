/** A node that is fed by its network cable: its port of the switch goes off, and on again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type DeviceSettings, effectiveDeviceSettings } from '@walt/shared/device-settings'
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { effectiveNodeSettings } from '@walt/shared/node-settings'
import type { Device } from '../fleet/device.ts'
import type { NodeRecord } from '../fleet/node-record.ts'
import { openPoePort, type PoePort } from './poe-port.ts'
import type { PowerDriver, PowerOption } from './power-driver.ts'

type Feed = { device: Device; settings: DeviceSettings; port: string }

export function createPoePower(findDevice: (name: string) => Device | undefined): PowerDriver {
  /** Undefined: no port is set; a text: why it cannot be used. */
  function feedOf({ settings }: NodeRecord): Feed | string | undefined {
    const given = effectiveNodeSettings(settings)['poe.port']
    if (given === '') return undefined
    const [name = '', port = ''] = given.split('/')
    const device = findDevice(name)
    if (!device) return `poe.port=${given}, but no device is named "${name}"`
    const deviceSettings = effectiveDeviceSettings(device.settings)
    if (!deviceSettings['poe.reboots']) return `poe.reboots is not set on ${name}`
    return { device, settings: deviceSettings, port }
  }

  return {
    name: 'PoE-reboot',
    option(node): PowerOption | undefined {
      const feed = feedOf(node)
      if (feed === undefined) return undefined
      return typeof feed === 'string' ? { available: false, reason: feed } : { available: true }
    },
    async cycle(node) {
      const feed = feedOf(node)
      if (feed === undefined || typeof feed === 'string') throw new WaltError('poe-unavailable', `${feed}`)
      const port = openPoePort(feed.device, feed.settings, feed.port)
      try {
        await cyclePort(port)
      } catch (thrown) {
        throw await port.explain(thrown)
      } finally {
        port.close()
      }
    },
  }
}

async function cyclePort(port: PoePort): Promise<void> {
  await port.check()
  let problem: unknown
  try {
    await port.turn(false)
    await sleep(limits.powerOffMs)
  } catch (thrown) {
    problem = thrown
  }
  // After a failure too: perhaps only the answer was lost, and then the port is off.
  await port.turn(true).catch((thrown) => {
    problem ??= thrown
  })
  if (problem !== undefined) throw problem
}
