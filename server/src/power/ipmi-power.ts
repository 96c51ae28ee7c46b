/** A node's management controller (BMC), by the program ipmitool. */
import { effectiveNodeSettings } from '@walt/shared/node-settings'
import { runCommand } from '../run-command.ts'
import type { PowerDriver } from './power-driver.ts'

export function createIpmiPower(): PowerDriver {
  return {
    name: 'IPMI-reboot',
    option: ({ settings }) =>
      effectiveNodeSettings(settings)['ipmi.address'] === '' ? undefined : { available: true },
    async cycle(node) {
      const settings = effectiveNodeSettings(node.settings)
      const user = settings['ipmi.user'] === '' ? [] : ['-U', settings['ipmi.user']]
      const chassis = (...words: string[]) =>
        // -E: the password is in the environment, since everybody on the machine can read arguments.
        runCommand(
          'ipmitool',
          ['-I', 'lanplus', '-H', settings['ipmi.address'], ...user, '-E', 'chassis', 'power', ...words],
          { environment: { IPMI_PASSWORD: settings['ipmi.password'] } },
        )
      // IPMI 2.0, 28.3: a power cycle of a machine that is off may be refused.
      const isOff = /Power is off/i.test(await chassis('status'))
      await chassis(isOff ? 'on' : 'cycle')
    },
  }
}
