/** Settings of a switch, as `walt device config NAME key=value ...` takes them. */
import * as v from 'valibot'
import {
  booleanSetting,
  checkSettings,
  countSetting,
  effectiveSettings,
  optionalSetting,
  type Setting,
  textSetting,
} from './settings.ts'

/** RFC 3414, 11.2: a password of SNMPv3 has at least eight characters. */
const snmpPassword = optionalSetting(
  v.pipe(textSetting(64), v.minLength(8, 'a password of SNMPv3 has at least 8 characters')),
)

export const deviceSettingTable = {
  'poe.reboots': {
    read: booleanSetting,
    default: 'false',
    help: 'whether nodes may be rebooted by switching their PoE port off and on',
  },
  'snmp.version': { read: v.picklist(['2', '3'], 'it is 2 or 3'), default: '2', help: '2 (v2c) or 3' },
  'snmp.port': { read: countSetting(1, 65_535), default: '161', help: 'UDP port of the SNMP agent' },
  'snmp.community': {
    read: v.pipe(textSetting(64), v.minLength(1, 'it is not empty')),
    default: 'private',
    secret: true,
    help: 'version 2: the community that may write',
  },
  'snmp.user': { read: textSetting(32), default: '', help: 'version 3: the user that may write' },
  'snmp.auth.protocol': {
    read: v.picklist(['md5', 'sha', 'sha256', 'sha512'], 'it is md5, sha, sha256 or sha512'),
    default: 'sha',
    help: 'version 3: what snmp.auth.password is for',
  },
  'snmp.auth.password': {
    read: snmpPassword,
    default: '',
    secret: true,
    help: 'version 3: authentication; none if empty',
  },
  'snmp.privacy.password': {
    read: snmpPassword,
    default: '',
    secret: true,
    help: 'version 3: encryption (AES); none if empty',
  },
} satisfies Record<string, Setting>

/** Values as given, by name; a name that is absent has its default. */
export type GivenDeviceSettings = Partial<Record<keyof typeof deviceSettingTable, string>>
export type DeviceSettings = ReturnType<typeof effectiveDeviceSettings>

/** @throws WaltError `setting-unknown` or `setting-invalid` */
export function checkDeviceSettings(given: Record<string, string>): GivenDeviceSettings {
  return checkSettings(deviceSettingTable, given)
}

export function effectiveDeviceSettings(given: GivenDeviceSettings) {
  return effectiveSettings(deviceSettingTable, given)
}
