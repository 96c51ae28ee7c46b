import { deviceSettingTable } from '@walt/shared/device-settings'
import { shownSettings } from '@walt/shared/settings'
import type { FastifyInstance } from 'fastify'
import * as v from 'valibot'
import type { Device } from '../fleet/device.ts'
import type { Devices } from '../fleet/devices.ts'
import * as api from './api-schema.ts'
import { checked } from './http-errors.ts'

const deviceParams = v.object({ name: v.string() })

export function addDeviceRoutes(app: FastifyInstance, devices: Devices): void {
  app.get('/devices', async (): Promise<api.DeviceView[]> => devices.list().map(viewOfDevice))

  app.post('/devices', async (request, reply): Promise<api.DeviceView> => {
    const device = await devices.add(checked(api.createDeviceRequest, request.body))
    reply.status(201)
    return viewOfDevice(device)
  })

  app.patch('/devices/:name', async (request): Promise<api.DeviceView> => {
    const { name } = checked(deviceParams, request.params)
    const { settings } = checked(api.configureDeviceRequest, request.body)
    return viewOfDevice(await devices.setSettings(name, settings))
  })

  app.delete('/devices/:name', async (request, reply) => {
    await devices.remove(checked(deviceParams, request.params).name)
    return reply.status(204).send()
  })
}

/** Pure: a device as the API shows it. */
function viewOfDevice({ settings, ...fixed }: Device): api.DeviceView {
  return { ...fixed, settings: shownSettings(deviceSettingTable, settings) }
}
