/** A switch with PoE ports, as SNMP shows it: a real snmpd on loopback, with a script behind its ports. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What was done to a port of the switch: on or off, and when by the clock of the machine. */
export type PortWrite = { at: number; on: boolean }

export type PoeSwitch = {
  address: string
  port: number
  writes(): Promise<PortWrite[]>
  stop(): Promise<void>
}

export const switchSecrets = {
  community: 'writers',
  readCommunity: 'readers',
  user: 'walt',
  authPassword: 'authpassword',
  privacyPassword: 'privacypassword',
}

const table = '.1.3.6.1.2.1.105.1.3.1.1.3'

/** snmpd.conf(5), "pass_persist": PING, get and set, one word a line. It has one port: 1.5, at first on. */
const portScript = `
value=1
while read -r command; do
  case $command in
    PING) echo PONG ;;
    get) read -r oid
      if [ "$oid" = ${table}.1.5 ]; then printf '%s\\ninteger\\n%s\\n' "$oid" "$value"; else echo NONE; fi ;;
    getnext) read -r oid; echo NONE ;;
    set) read -r oid; read -r type given
      if [ "$oid" = ${table}.1.5 ]; then
        value=$given; echo "$(date +%s%3N) $given" >> "$1"; echo DONE
      else echo not-writable; fi ;;
  esac
done
`

export async function startPoeSwitch(): Promise<PoeSwitch> {
  const folder = await mkdtemp(join(tmpdir(), 'walt-switch-'))
  const [script, record, config] = ['port.sh', 'writes', 'snmpd.conf'].map((name) => join(folder, name))
  if (!script || !record || !config) throw new Error('no paths')
  const port = await freeUdpPort()
  await writeFile(script, portScript)
  await writeFile(record, '')
  const { community, readCommunity, user, authPassword, privacyPassword } = switchSecrets
  await writeFile(
    config,
    [
      `agentAddress udp:127.0.0.1:${port}`,
      `rwcommunity ${community}`,
      `rocommunity ${readCommunity}`,
      `createUser ${user} SHA ${authPassword} AES ${privacyPassword}`,
      `rwuser ${user} priv`,
      `pass_persist ${table} /bin/sh ${script} ${record}`,
      '',
    ].join('\n'),
  )
  const child = spawn('snmpd', ['-f', '-Lo', '-C', '-c', config, '-p', join(folder, 'pid')], {
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin`, SNMP_PERSISTENT_DIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await untilItListens(child)
  return {
    address: '127.0.0.1',
    port,
    async writes() {
      const lines = (await readFile(record, 'utf8')).trim().split('\n').filter(Boolean)
      return lines.map((line) => ({ at: Number(line.split(' ')[0]), on: line.endsWith(' 1') }))
    },
    async stop() {
      const ended = once(child, 'close')
      child.kill('SIGTERM')
      await ended
      await rm(folder, { recursive: true })
    },
  }
}

function untilItListens(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (said.includes('NET-SNMP version')) resolve()
      })
    }
    child.on('error', reject)
    child.on('close', (status) => reject(new Error(`snmpd ended with status ${status}: ${said}`)))
  })
}

export async function freeUdpPort(): Promise<number> {
  const probe = createSocket('udp4')
  probe.bind(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  return port
}
