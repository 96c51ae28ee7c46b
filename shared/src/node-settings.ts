/** Settings of a node, as `walt node config NAME key=value ...` takes them. Times in seconds, as WalT has them. */
import * as v from 'valibot'
import { WaltError } from './errors.ts'
import { limits } from './limits.ts'
import { formatSize, parseSize } from './sizes.ts'

const size = (minBytes: number, maxBytes: number) =>
  v.pipe(
    v.string(),
    v.check(
      (text) => {
        try {
          const bytes = parseSize(text)
          return bytes >= minBytes && bytes <= maxBytes
        } catch {
          return false
        }
      },
      `a size reads like 512M or 1G, from ${formatSize(minBytes)} to ${formatSize(maxBytes)}`,
    ),
  )
const boolean = v.pipe(
  v.picklist(['true', 'false'], 'it is true or false'),
  v.transform((text) => text === 'true'),
)
const count = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^[0-9]{1,9}$/, 'it is a whole number'),
    v.transform(Number),
    v.minValue(min, `it is at least ${min}`),
    v.maxValue(max, `it is at most ${max}`),
  )

type Setting = {
  read: v.GenericSchema<unknown, string | number | boolean>
  default: string
  virtualOnly: boolean
  help: string
}

export const nodeSettingTable = {
  ram: {
    read: size(limits.nodeRamMinBytes, limits.nodeRamMaxBytes),
    default: '512M',
    virtualOnly: true,
    help: 'memory of a virtual node',
  },
  'cpu.cores': { read: count(1, 64), default: '1', virtualOnly: true, help: 'processors of a virtual node' },
  engine: {
    read: v.picklist(['auto', 'qemu', 'uml'], 'it is auto, qemu or uml'),
    default: 'auto',
    virtualOnly: true,
    help: 'what runs a virtual node: auto, qemu or uml',
  },
  'boot.timeout': {
    read: v.union([v.literal('none'), count(60, 86_400)], 'it is none, or a number of seconds from 60 on'),
    default: '180',
    virtualOnly: false,
    help: 'seconds until a node that is not back is hard-rebooted',
  },
  'boot.retries': {
    read: count(0, 1_000),
    default: '9',
    virtualOnly: false,
    help: 'how often boot.timeout hard-reboots',
  },
  'kexec.allow': {
    read: boolean,
    default: 'true',
    virtualOnly: false,
    help: 'whether a kexec hook may be used',
  },
  'mount.persist': {
    read: boolean,
    default: 'true',
    virtualOnly: false,
    help: 'whether /persist is mounted',
  },
  swap: {
    read: v.union(
      [v.literal('off'), size(limits.swapSizeMinBytes, limits.swapSizeMaxBytes)],
      'it is off, or a size such as 16G, from 1M to 1T',
    ),
    default: '16G',
    virtualOnly: false,
    help: 'size of the swap over the network, or off',
  },
  'boot.arguments': {
    read: v.pipe(
      v.string(),
      v.regex(/^[\x20-\x7e]*$/, 'it is plain text'),
      v.maxLength(1024, 'it has at most 1024 characters'),
    ),
    default: '',
    virtualOnly: false,
    help: 'more words for the kernel command line',
  },
} satisfies Record<string, Setting>

export type NodeSettingName = keyof typeof nodeSettingTable
/** Values as given, by name; a name that is absent has its default. */
export type GivenNodeSettings = Partial<Record<NodeSettingName, string>>
export type NodeSettings = {
  [N in NodeSettingName]: v.InferOutput<(typeof nodeSettingTable)[N]['read']>
}

/**
 * Checks what a user gave, `{ ram: '1G' }`, and returns it typed.
 * @throws WaltError `setting-unknown` or `setting-invalid`
 */
export function checkNodeSettings(given: Record<string, string>, virtual: boolean): GivenNodeSettings {
  const checked: GivenNodeSettings = {}
  for (const [name, value] of Object.entries(given)) {
    if (!isSettingName(name)) {
      throw new WaltError(
        'setting-unknown',
        `"${name}" is not a setting; there are: ${Object.keys(nodeSettingTable).join(', ')}.`,
      )
    }
    const setting: Setting = nodeSettingTable[name]
    if (setting.virtualOnly && !virtual) {
      throw new WaltError('setting-unknown', `"${name}" can only be set on a virtual node.`)
    }
    const result = v.safeParse(setting.read, value)
    if (!result.success) {
      throw new WaltError('setting-invalid', `${name}=${value}: ${result.issues[0].message}.`)
    }
    checked[name] = value
  }
  return checked
}

/** The settings in force: what was given over the defaults. */
export function effectiveNodeSettings(given: GivenNodeSettings): NodeSettings {
  const entries = Object.entries(nodeSettingTable).map(([name, setting]) => [
    name,
    v.parse(setting.read, given[name as NodeSettingName] ?? setting.default),
  ])
  return Object.fromEntries(entries) as NodeSettings
}

function isSettingName(name: string): name is NodeSettingName {
  return Object.hasOwn(nodeSettingTable, name)
}
