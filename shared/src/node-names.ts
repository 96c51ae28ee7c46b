import * as v from 'valibot'
import { limits } from './limits.ts'

/** Words of a node set (node-sets.ts) that read like a node's name. */
const nodeSetWords: readonly string[] = ['all-nodes', 'booted-nodes', 'down-nodes']

/** A node's name is its host name: letters, digits and hyphens (RFC 1123), a letter first as WalT asks. */
export const nodeName = v.pipe(
  v.string(),
  v.regex(
    /^[a-z](?:[a-z0-9-]*[a-z0-9])?$/,
    'a node name has lower-case letters, digits and "-", and begins with a letter',
  ),
  v.maxLength(limits.nodeNameMaxBytes, `a node name has at most ${limits.nodeNameMaxBytes} characters`),
  v.check((name) => !nodeSetWords.includes(name), 'this name means a set of nodes'),
)

/** An image's name is also a folder's. */
export const imageName = v.pipe(
  v.string(),
  v.regex(
    /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/,
    'an image name has lower-case letters, digits, ".", "_" and "-"',
  ),
  v.maxLength(limits.nodeNameMaxBytes, `an image name has at most ${limits.nodeNameMaxBytes} characters`),
)

/** An image in one certain state: its name, and a hash over its files. On a hybrid node's disk it is a folder's name. */
export const imageId = v.pipe(
  v.string(),
  v.regex(
    /^[a-z0-9][a-z0-9._-]{0,95}-[0-9a-f]{16}$/,
    'an image id is the name of an image, "-", and 16 hexadecimal digits',
  ),
)

export const macAddress = v.pipe(
  v.string(),
  v.toLowerCase(),
  v.regex(/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/, 'a MAC address reads like 52:54:00:12:34:56'),
)

export const ipv4Address = v.pipe(v.string(), v.ipv4('an address reads like 192.168.152.10'))

/** Fresh for every boot, made by the server; a command names the boot that it is meant for. */
export const bootId = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/, 'a boot id has 16 hexadecimal digits'))
