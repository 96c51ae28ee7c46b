/** The server's settings: YAML, every key optional and documented in the schema, from which `config --explain` is made. */
import { isAbsolute, join } from 'node:path'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { ipv4Address } from '@walt/shared/node-names'
import { parseSize } from '@walt/shared/sizes'
import * as v from 'valibot'
import { parse } from 'yaml'

export type ServerConfig = {
  state: string
  network: { address: string; prefix: number; bridge: string | null; firstNode: number }
  http: { port: number; socket: string }
  broker: { port: number }
  swap: {
    port: number
    quotaBytes: number
    nodeQuotaBytes: number | null
    reserveBytes: number
    graceMs: number
  }
  nfs: { server: 'ganesha' | 'kernel' | 'none' }
  vnodes: { engine: 'auto' | 'qemu' | 'uml'; grace: number }
  images: { mirror: string | null; suite: 'bookworm' | 'trixie' }
  alerts: { webhook: string | null }
  store: { postgresql: string | null }
}

const port = v.pipe(
  v.number('it is a number'),
  v.integer('it is a whole number'),
  v.minValue(1, 'a port is from 1 to 65535'),
  v.maxValue(65_535, 'a port is from 1 to 65535'),
)

const path = v.pipe(
  v.string('it is a path'),
  v.check(isAbsolute, 'it is an absolute path'),
  // Paths go into kernel command lines and into the NFS server's configuration.
  v.regex(/^[A-Za-z0-9/._-]+$/, 'it has letters, digits, "/", ".", "_" and "-" only'),
)

const size = v.pipe(
  v.string('it is a size such as 64G'),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      return parseSize(dataset.value)
    } catch (thrown) {
      addIssue({ message: reasonOf(thrown) })
      return NEVER
    }
  }),
)

const postgresqlRule = 'it is a URL with the name of a database: postgres://USER:PASSWORD@HOST:5432/NAME'

function isPostgresqlUrl(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && /^postgres(?:ql)?:$/.test(url.protocol) && /^\/[^/]+$/.test(url.pathname)
}

/** Its password is for nobody's terminal or log. */
function withoutPassword(text: string): string {
  return text.replace(/(postgres(?:ql)?:\/\/)\S*/gi, '$1...')
}

/** A key with its documentation and its default; `shown` is the default in words where it depends on another key. */
function key<S extends v.GenericSchema, D extends v.InferInput<S>>(
  schema: S,
  fallback: D,
  text: string,
  shown?: string,
) {
  return v.pipe(
    v.optional(schema, fallback as never),
    v.description(text),
    v.metadata({ shown: shown ?? JSON.stringify(fallback) }),
  )
}

const sections = {
  network: {
    address: key(ipv4Address, '192.168.152.1', 'address of this server on the network of the nodes'),
    prefix: key(
      v.pipe(v.number('it is a number'), v.integer('it is a whole number'), v.minValue(8), v.maxValue(30)),
      24,
      'length of the network prefix',
    ),
    bridge: key(
      v.nullable(v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{1,15}$/, 'it is an interface name'))),
      'walt0',
      'bridge of the virtual nodes, made where it is missing; null where there is none',
    ),
    firstNode: key(
      v.pipe(v.number('it is a number'), v.integer('it is a whole number'), v.minValue(2)),
      10,
      'host part of the first address that a node gets',
    ),
  },
  http: {
    port: key(port, 8080, 'port of the HTTP API, on network.address and on loopback'),
    socket: key(v.optional(path), undefined, 'Unix socket of the HTTP API', '<state>/run/api.sock'),
  },
  broker: { port: key(port, 1883, 'port of the MQTT broker, on network.address and on loopback') },
  swap: {
    port: key(port, 10_809, 'port of the swap server (NBD)'),
    quota: key(size, '64G', 'disk space that the swap of all nodes may take together'),
    nodeQuota: key(
      v.nullable(size),
      null,
      'disk space that the swap of one node may take; null leaves it to the size of its swap',
    ),
    reserve: key(size, '1G', 'disk space that swap leaves free: a node hears "no space" before'),
    grace: key(
      v.pipe(
        v.number('it is a number of seconds'),
        v.integer('it is a whole number'),
        v.minValue(60, 'it is at least a minute (60)'),
        v.maxValue(31_536_000, 'it is at most a year (31536000)'),
      ),
      86_400,
      'seconds after which the swap of a node that is gone is deleted; of one that is up it never is',
    ),
  },
  nfs: {
    server: key(
      v.picklist(['ganesha', 'kernel', 'none'], 'it is ganesha, kernel or none'),
      'ganesha',
      'what exports the images: nfs-ganesha run by this server, the kernel, or none (somebody else does)',
    ),
  },
  vnodes: {
    engine: key(
      v.picklist(['auto', 'qemu', 'uml'], 'it is auto, qemu or uml'),
      'auto',
      'what runs virtual nodes: qemu, uml (User Mode Linux), or auto',
    ),
    grace: key(
      v.pipe(
        v.number('it is a number'),
        v.integer('it is a whole number'),
        v.minValue(1),
        v.maxValue(86_400),
      ),
      600,
      'seconds that virtual nodes and the NFS server go on when this server was killed and is not started again',
    ),
  },
  images: {
    mirror: key(
      v.nullable(v.pipe(v.string(), v.url('it is a URL'))),
      null,
      'Debian mirror for new images; null takes the package sources of this machine',
    ),
    suite: key(
      v.picklist(['bookworm', 'trixie'], 'it is bookworm or trixie'),
      'bookworm',
      'Debian release of new images',
    ),
  },
  alerts: {
    webhook: key(
      v.nullable(
        v.pipe(v.string('it is a URL'), v.url('it is a URL'), v.regex(/^https?:/, 'it is a URL of HTTP')),
      ),
      null,
      'URL that is sent each alert (POST, JSON) when it begins, changes, and is over; null for none',
    ),
  },
  store: {
    postgresql: key(
      v.nullable(
        v.pipe(
          v.string(postgresqlRule),
          v.check((text) => isPostgresqlUrl(text), postgresqlRule),
        ),
      ),
      null,
      'database of its own in a PostgreSQL server, postgres://USER:PASSWORD@HOST/NAME; null keeps all in <state>/db',
    ),
  },
}

const state = key(path, '/var/lib/walt', 'folder of images, nodes, swap and database')

const configFile = v.strictObject({
  state,
  network: v.optional(v.strictObject(sections.network), {}),
  http: v.optional(v.strictObject(sections.http), {}),
  broker: v.optional(v.strictObject(sections.broker), {}),
  swap: v.optional(v.strictObject(sections.swap), {}),
  nfs: v.optional(v.strictObject(sections.nfs), {}),
  vnodes: v.optional(v.strictObject(sections.vnodes), {}),
  images: v.optional(v.strictObject(sections.images), {}),
  alerts: v.optional(v.strictObject(sections.alerts), {}),
  store: v.optional(v.strictObject(sections.store, 'it has keys of its own, such as postgresql'), {}),
})

/**
 * Reads a configuration file's text; an empty one gives the defaults.
 * @throws WaltError `config-invalid`, naming key, rule and value
 */
export function readServerConfig(text: string): ServerConfig {
  let value: unknown
  try {
    value = parse(text, { logLevel: 'error', maxAliasCount: 0 }) ?? {}
  } catch (cause) {
    // The message shows the line. The parser's own error has it too, and is not kept.
    const reason = withoutPassword(reasonOf(cause))
    throw new WaltError('config-invalid', `The configuration is not YAML: ${reason}`)
  }
  const result = v.safeParse(configFile, value)
  if (!result.success) throw invalid(result.issues[0])
  const { swap, http, ...rest } = result.output
  return {
    ...rest,
    http: { port: http.port, socket: http.socket ?? join(rest.state, 'run/api.sock') },
    swap: {
      port: swap.port,
      quotaBytes: swap.quota,
      nodeQuotaBytes: swap.nodeQuota,
      reserveBytes: swap.reserve,
      graceMs: swap.grace * 1000,
    },
  }
}

function invalid(issue: v.BaseIssue<unknown>): WaltError {
  const name = v.getDotPath(issue) ?? 'the file'
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    return new WaltError(
      'config-invalid',
      `${name} in the configuration: there is no such key. "walt-server config --explain" lists the keys.`,
    )
  }
  // What is wrong with it may be that its password is elsewhere than expected.
  if (/^store\b/.test(name)) {
    return new WaltError('config-invalid', `${name} in the configuration: ${issue.message}.`)
  }
  const given = JSON.stringify(issue.input) ?? 'nothing'
  const message = `${name} in the configuration: ${issue.message} (given: ${given.slice(0, 200)}).`
  return new WaltError('config-invalid', withoutPassword(message))
}

/** Every key with its meaning and default, as a YAML file that can be copied. */
export function explainServerConfig(): string {
  const lines = ['# Every key is optional; these are the defaults.', ...explained('state', state, '')]
  for (const [section, keys] of Object.entries(sections)) {
    lines.push(`${section}:`)
    for (const [name, schema] of Object.entries(keys)) lines.push(...explained(name, schema, '  '))
  }
  return `${lines.join('\n')}\n`
}

function explained(name: string, schema: v.GenericSchema, indent: string): string[] {
  const metadata: Record<string, unknown> = v.getMetadata(schema)
  const shown = String(metadata.shown)
  // A default that depends on another key cannot be copied as it is.
  const comment = shown.startsWith('<') ? '# ' : ''
  return [
    `${indent}# ${v.getDescription(schema) ?? ''}`,
    `${indent}${comment}${name}: ${shown.replace(/^"(.*)"$/, '$1')}`,
  ]
}
