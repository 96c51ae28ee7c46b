/** Settings of a node, as `walt node config NAME key=value ...` takes them. Times in seconds, as WalT has them. */
import * as v from 'valibot'
import { reasonOf, WaltError } from './errors.ts'
import { limits } from './limits.ts'
import { parseNodeDisks } from './node-disks.ts'
import { ipv4Address } from './node-names.ts'
import { parseRootLost, rootLostDefault } from './root-lost.ts'
import {
  booleanSetting,
  checkSettings,
  countSetting,
  effectiveSettings,
  optionalSetting,
  type Setting,
  type ShownSettings,
  shownSettings,
  textSetting,
} from './settings.ts'
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
const rootLost = v.pipe(
  v.string(),
  v.check((text) => {
    try {
      return parseRootLost(text) !== undefined
    } catch {
      return false
    }
  }, `it is wait, or reboot:SECONDS, from ${limits.rootLostMinSeconds} to ${limits.rootLostMaxSeconds} seconds`),
)

/** A switch of `walt device`, and a port of it: its number, or GROUP.PORT on a stack of switches. */
const switchPort = v.pipe(
  v.string(),
  v.regex(
    /^[a-z][a-z0-9-]{0,62}\/(?:[0-9]{1,5}\.)?[0-9]{1,5}$/,
    'it reads like SWITCH/PORT, such as switch1/5',
  ),
)

type NodeSetting = Setting & {
  /** The kind of nodes that it is for; all, if absent. */
  only?: 'virtual' | 'physical'
  /** Whether it takes a boot to count; the others count at once. */
  atBoot: boolean
}

export const nodeSettingTable = {
  ram: {
    read: size(limits.nodeRamMinBytes, limits.nodeRamMaxBytes),
    default: '512M',
    only: 'virtual',
    atBoot: true,
    help: 'memory of a virtual node',
  },
  'cpu.cores': {
    read: countSetting(1, 64),
    default: '1',
    only: 'virtual',
    atBoot: true,
    help: 'processors of a virtual node',
  },
  engine: {
    read: v.picklist(['auto', 'qemu', 'uml'], 'it is auto, qemu or uml'),
    default: 'auto',
    only: 'virtual',
    atBoot: true,
    help: 'what runs a virtual node: auto, qemu or uml',
  },
  disks: {
    read: v.pipe(
      v.string(),
      v.rawCheck(({ dataset, addIssue }) => {
        try {
          if (dataset.typed) parseNodeDisks(dataset.value)
        } catch (thrown) {
          addIssue({ message: reasonOf(thrown) })
        }
      }),
    ),
    default: '',
    only: 'virtual',
    atBoot: true,
    help: 'disks of a virtual node, such as 32G,8G[template=ext4]; templates: none, ext4, hybrid-boot-v, hybrid-boot-p',
  },
  'boot.timeout': {
    read: v.union(
      [v.literal('none'), countSetting(60, 86_400)],
      'it is none, or a number of seconds from 60 on',
    ),
    default: '180',
    atBoot: false,
    help: 'seconds until a node that is not back is hard-rebooted',
  },
  'boot.retries': {
    read: countSetting(0, 1_000),
    default: '9',
    atBoot: false,
    help: 'how often boot.timeout hard-reboots',
  },
  'kexec.allow': {
    read: booleanSetting,
    default: 'true',
    atBoot: true,
    help: 'whether a kexec hook may be used',
  },
  'mount.persist': {
    read: booleanSetting,
    default: 'true',
    atBoot: true,
    help: 'whether /persist is mounted',
  },
  swap: {
    read: v.union(
      [v.literal('off'), size(limits.swapSizeMinBytes, limits.swapSizeMaxBytes)],
      'it is off, or a size such as 16G, from 1M to 1T',
    ),
    default: '16G',
    atBoot: true,
    help: 'size of the swap over the network, or off',
  },
  'root.lost': {
    read: rootLost,
    default: rootLostDefault,
    atBoot: true,
    help: 'what the node does without its NFS server: wait, or reboot:SECONDS',
  },
  'boot.arguments': {
    read: textSetting(1024),
    default: '',
    atBoot: true,
    help: 'more words for the kernel command line',
  },
  'poe.port': {
    read: optionalSetting(switchPort),
    default: '',
    only: 'physical',
    atBoot: false,
    help: 'the PoE port that feeds the node: SWITCH/PORT, the switch being one of "walt device"',
  },
  'ipmi.address': {
    read: optionalSetting(ipv4Address),
    default: '',
    only: 'physical',
    atBoot: false,
    help: "address of the node's management controller",
  },
  'ipmi.user': {
    read: v.pipe(textSetting(32), v.regex(/^(?!-)/, 'it does not begin with "-"')),
    default: '',
    only: 'physical',
    atBoot: false,
    help: 'user there',
  },
  'ipmi.password': {
    read: textSetting(20),
    default: '',
    only: 'physical',
    atBoot: false,
    secret: true,
    help: 'password there',
  },
  'power.command': {
    read: textSetting(1024),
    default: '',
    only: 'physical',
    atBoot: false,
    help: 'a shell command, run as root on the server, that switches the node off and on',
  },
} satisfies Record<string, NodeSetting>

export type NodeSettingName = keyof typeof nodeSettingTable
/** Values as given, by name; a name that is absent has its default. */
export type GivenNodeSettings = Partial<Record<NodeSettingName, string>>
export type NodeSettings = ReturnType<typeof effectiveNodeSettings>

const table: Record<string, NodeSetting> = nodeSettingTable

/**
 * Checks what a user gave, `{ ram: '1G' }`.
 * @throws WaltError `setting-unknown` or `setting-invalid`
 */
export function checkNodeSettings(given: Record<string, string>, virtual: boolean): GivenNodeSettings {
  const checked = checkSettings(nodeSettingTable, given)
  const stray = Object.keys(given).find((name) => !concerns(name, virtual))
  if (stray === undefined) return checked
  throw new WaltError('setting-unknown', `"${stray}" can only be set on a ${table[stray]?.only} node.`)
}

const effective = remembered((given) => Object.freeze(effectiveSettings(nodeSettingTable, given)))
const shownVirtual = remembered((given) => shownSettings(table, given, (name) => concerns(name, true)))
const shownPhysical = remembered((given) => shownSettings(table, given, (name) => concerns(name, false)))

/** The settings in force: what was given over the defaults. The same object for the same settings. */
export function effectiveNodeSettings(given: GivenNodeSettings) {
  return effective(given)
}

/** For a person. The same object for the same settings. */
export function shownNodeSettings(given: GivenNodeSettings, virtual: boolean): Readonly<ShownSettings> {
  return virtual ? shownVirtual(given) : shownPhysical(given)
}

/** All of a fleet is asked for again and again, and most nodes of it are set up alike. */
function remembered<V>(make: (given: GivenNodeSettings) => V): (given: GivenNodeSettings) => V {
  const known = new Map<string, V>()
  return (given) => {
    const text = JSON.stringify(given)
    const found = known.get(text)
    if (found !== undefined) return found
    if (known.size >= limits.settingsRememberedMax) known.clear()
    const made = make(given)
    known.set(text, made)
    return made
  }
}

/** Names of settings whose value in force differs, of those that count from a boot on. */
export function changedBootSettings(before: GivenNodeSettings, now: GivenNodeSettings): string[] {
  const [old, present] = [effectiveNodeSettings(before), effectiveNodeSettings(now)]
  const names = Object.keys(nodeSettingTable) as NodeSettingName[]
  return names.filter((name) => table[name]?.atBoot && old[name] !== present[name])
}

function concerns(name: string, virtual: boolean): boolean {
  const only = table[name]?.only
  return only === undefined || only === (virtual ? 'virtual' : 'physical')
}
