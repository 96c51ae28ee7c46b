/** Devices of the platform that are no nodes: switches. In memory, written through to the store. */
import { checkDeviceSettings } from '@walt/shared/device-settings'
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Store } from '../store/store.ts'
import type { Device } from './device.ts'

export type Devices = {
  list(): Device[]
  find(name: string): Device | undefined
  /** @throws WaltError `device-unknown` */
  get(name: string): Device
  /** @throws WaltError `device-exists`, `devices-full` */
  add(device: Omit<Device, 'settings'>): Promise<Device>
  /** @throws WaltError `device-unknown`, `setting-...` */
  setSettings(name: string, settings: Record<string, string>): Promise<Device>
  remove(name: string): Promise<void>
}

export async function createDevices(
  store: Pick<Store, 'devices' | 'putDevice' | 'removeDevice'>,
): Promise<Devices> {
  const devices = new Map((await store.devices()).map((device) => [device.name, device]))

  function get(name: string): Device {
    const device = devices.get(name)
    if (device) return device
    throw new WaltError(
      'device-unknown',
      `No device is named "${name}". "walt device show" lists the devices.`,
    )
  }

  async function put(device: Device): Promise<Device> {
    await store.putDevice(device)
    devices.set(device.name, device)
    return device
  }

  return {
    list: () => [...devices.values()],
    find: (name) => devices.get(name),
    get,
    async add(wanted) {
      if (devices.has(wanted.name)) {
        throw new WaltError('device-exists', `A device named "${wanted.name}" exists already.`)
      }
      if (devices.size >= limits.devicesMax) {
        throw new WaltError('devices-full', `There are ${devices.size} devices, and no server takes more.`)
      }
      return put({ ...wanted, settings: {} })
    },
    setSettings: async (name, settings) => {
      const device = get(name)
      return put({ ...device, settings: { ...device.settings, ...checkDeviceSettings(settings) } })
    },
    async remove(name) {
      get(name)
      await store.removeDevice(name)
      devices.delete(name)
    },
  }
}
