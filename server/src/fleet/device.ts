import type { GivenDeviceSettings } from '@walt/shared/device-settings'

/** What the platform knows of, and is no node. */
export type Device = { name: string; type: 'switch'; address: string; settings: GivenDeviceSettings }
