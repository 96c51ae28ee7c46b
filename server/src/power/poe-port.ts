/** One port of a switch that feeds it (POWER-ETHERNET-MIB, RFC 3621), by SNMP v2c or v3. */
import { createSocket } from 'node:dgram'
import type { DeviceSettings } from '@walt/shared/device-settings'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import {
  AuthProtocols,
  createSession,
  createV3Session,
  isVarbindError,
  ObjectType,
  PrivProtocols,
  SecurityLevel,
  type Session,
  type Varbind,
  Version2c,
} from 'net-snmp'

/** pethPsePortAdminEnable, a TruthValue: true(1), false(2); its index is group and port. */
const adminEnable = '1.3.6.1.2.1.105.1.3.1.1.3'
const truth = { on: 1, off: 2 }

export type PoePort = {
  /** @throws where there is no such port */
  check(): Promise<void>
  /** Resolves once the switch says that it is so. */
  turn(on: boolean): Promise<void>
  /** Makes a sentence of what was thrown; asks around where the switch was silent. */
  explain(thrown: unknown): Promise<WaltError>
  close(): void
}

/** `port`: PORT, or GROUP.PORT. */
export function openPoePort(
  switchDevice: { name: string; address: string },
  settings: DeviceSettings,
  port: string,
): PoePort {
  const { name, address } = switchDevice
  const oid = `${adminEnable}.${port.includes('.') ? port : `1.${port}`}`
  const session = openSession(address, settings)
  // A socket that fails ends its requests by itself; unheard, the event would end this process.
  session.on('error', (error: Error) => session.cancelRequests(error))

  /** One request; the library calls back. */
  function ask(run: (done: (error: Error | null, varbinds?: Varbind[]) => void) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      run((error, varbinds) => {
        const varbind = varbinds?.[0]
        if (error || !varbind) reject(error ?? new Error('an answer without a value'))
        else if (isVarbindError(varbind)) reject(new WaltError('poe-failed', 'it has no such PoE port'))
        else resolve(varbind.value)
      })
    })
  }
  const read = () => ask((done) => session.get([oid], done))

  return {
    async check() {
      await read()
    },
    async turn(on) {
      const value = on ? truth.on : truth.off
      await ask((done) => session.set([{ oid, type: ObjectType.Integer, value }], done))
      if ((await read()) === value) return
      throw new WaltError('poe-failed', `it was told ${on ? 'on' : 'off'}, and is not`)
    },
    async explain(thrown) {
      const silent = thrown instanceof Error && thrown.name === 'RequestTimedOutError'
      const why = silent ? await whySilent(address, settings) : refusalOf(thrown, settings)
      return new WaltError('poe-failed', `port ${port} of ${name} at ${address}: ${why}`, { cause: thrown })
    },
    close: () => session.close(),
  }
}

function openSession(address: string, settings: DeviceSettings): Session {
  const options = {
    port: settings['snmp.port'],
    timeout: limits.snmpAnswerMs,
    retries: limits.snmpRetriesMax,
  }
  if (settings['snmp.version'] === '2') {
    return createSession(address, settings['snmp.community'], { ...options, version: Version2c })
  }
  const [authentication, privacy] = [settings['snmp.auth.password'], settings['snmp.privacy.password']]
  const level =
    authentication === ''
      ? SecurityLevel.noAuthNoPriv
      : privacy === ''
        ? SecurityLevel.authNoPriv
        : SecurityLevel.authPriv
  const user = {
    name: settings['snmp.user'],
    level,
    authProtocol: AuthProtocols[settings['snmp.auth.protocol']],
    authKey: authentication,
    privProtocol: PrivProtocols.aes,
    privKey: privacy,
  }
  return createV3Session(address, user, options)
}

/** Pure. What the switch said no to; error names of RFC 3416, reports of RFC 3414. */
function refusalOf(thrown: unknown, settings: DeviceSettings): string {
  const reason = reasonOf(thrown)
  if (thrown instanceof WaltError) return reason
  const version2 = settings['snmp.version'] === '2'
  if (thrown instanceof Error && thrown.name === 'RequestFailedError') {
    return `the switch refuses (${reason}): may ${version2 ? 'snmp.community' : 'snmp.user'} write?`
  }
  if (version2) return reason
  return `the switch refuses (${reason}): are snmp.user and its passwords right?`
}

/**
 * A switch that is not there and one that ignores a wrong community look the same to SNMP. A connected UDP socket is
 * told what came back by ICMP (udp(7)).
 */
async function whySilent(address: string, settings: DeviceSettings): Promise<string> {
  const port = settings['snmp.port']
  const problem = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const socket = createSocket('udp4')
    const settle = (error?: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      socket.close()
      resolve(error)
    }
    const timer = setTimeout(settle, limits.snmpProbeMs)
    socket.once('error', settle)
    socket.connect(port, address, () => socket.send('?', (error) => error && settle(error)))
  })
  if (problem?.code === 'ECONNREFUSED') return `the switch is there, but has no SNMP on UDP port ${port}`
  if (problem) return `the switch is unreachable (${problem.code ?? problem.message})`
  // An agent drops what it cannot decipher.
  const secret =
    settings['snmp.version'] === '2'
      ? 'is snmp.community right?'
      : 'are snmp.version and snmp.privacy.password right?'
  return `the switch does not answer: ${secret} Is it on, and SNMP switched on there?`
}
