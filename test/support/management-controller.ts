/** A machine's management controller: OpenIPMI's simulator on loopback, with a script in place of the power supply. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** ipmitool knows no other port than 623 unless told. */
export const controllerAddress = '127.0.0.77'
export const controllerUser = { name: 'walt', password: 'secret' }

export type ManagementController = {
  /** What the power supply was told, oldest first. */
  writes(): Promise<('on' | 'off')[]>
  setPower(on: boolean): Promise<void>
  stop(): Promise<void>
}

/** Asked as `get power ...` or `set power 0`, it answers `power:1` (ipmi_lan(5), "chassis_control"). */
const chassisScript = `#!/bin/sh
cd "$1"
case $2 in
  get) shift 2; for name; do [ "$name" = power ] && echo "power:$(cat power)" || echo "$name:0"; done ;;
  set) [ "$3" != power ] || { echo "$4" > power; echo "$4" >> writes; } ;;
esac
exit 0
`

export async function startManagementController(): Promise<ManagementController> {
  const folder = await mkdtemp(join(tmpdir(), 'walt-bmc-'))
  const file = (name: string) => join(folder, name)
  const methods = 'none md2 md5 straight'
  await mkdir(file('state'))
  await writeFile(file('chassis.sh'), chassisScript)
  await chmod(file('chassis.sh'), 0o755)
  await writeFile(file('power'), '1\n')
  await writeFile(file('writes'), '')
  await writeFile(
    file('lan.conf'),
    [
      'name "bmc"',
      'set_working_mc 0x20',
      'startlan 1',
      `addr ${controllerAddress} 623`,
      'priv_limit admin',
      ...['callback', 'user', 'operator', 'admin'].map((level) => `allowed_auths_${level} ${methods}`),
      'guid a123456789abcdefa123456789abcdef',
      'endlan',
      `chassis_control "${file('chassis.sh')} ${folder}"`,
      `user 2 true "${controllerUser.name}" "${controllerUser.password}" admin 10 ${methods}`,
      '',
    ].join('\n'),
  )
  await writeFile(
    file('bmc.emu'),
    'mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n',
  )
  const words = ['-c', file('lan.conf'), '-f', file('bmc.emu'), '-s', file('state'), '-n']
  const simulator = spawn('ipmi_sim', words, { stdio: 'ignore' })
  await once(simulator, 'spawn')
  return {
    async writes() {
      const lines = (await readFile(file('writes'), 'utf8')).trim().split('\n').filter(Boolean)
      return lines.map((line) => (line === '1' ? 'on' : 'off'))
    },
    setPower: (on) => writeFile(file('power'), on ? '1\n' : '0\n'),
    async stop() {
      const ended = once(simulator, 'close')
      simulator.kill('SIGTERM')
      await ended
      await rm(folder, { recursive: true })
    },
  }
}
