/** `walt device create|config|show|remove`: the switches that nodes hang on. */
import { deviceSettingTable } from '@walt/shared/device-settings'
import { type Command, Option } from 'commander'
import * as v from 'valibot'
import { type DeviceView, deviceView, deviceViews } from '../http/api-schema.ts'
import { type Act, type CommandContext, printJson } from './command-context.ts'
import { exitStatus } from './exit-status.ts'
import { readSettings, settingLines } from './node-commands.ts'
import { formatTable } from './table.ts'

export function addDeviceCommands(walt: Command, act: Act): void {
  const device = walt
    .command('device')
    .helpCommand(false)
    .description('switches that power nodes by their cable (PoE)')
    .addHelpText('after', settingsHelp())

  device
    .command('create')
    .description('register a switch')
    .argument('<name>', 'name of the switch')
    .addOption(new Option('--type <type>', 'what it is').choices(['switch']).default('switch'))
    .requiredOption('--ip <address>', 'its address, where it answers SNMP')
    .action(
      act(async (context, name: string, options: { type: string; ip: string }) => {
        const body = { name, type: options.type, address: options.ip }
        const created = await context.api.call({ method: 'POST', path: 'devices', body }, deviceView)
        const next = `Next: walt device config ${name} poe.reboots=true snmp.community=...`
        tell(context, created, `${name}: created. ${next}`)
        return undefined
      }),
    )

  device
    .command('config')
    .description('show or change settings of a switch')
    .argument('<device>', 'name of the switch')
    .argument('[words...]', 'settings to change, each as name=value')
    .action(act(configureDevice))

  device
    .command('show')
    .description('list the switches')
    .action(
      act(async (context) => {
        const views = await devicesOf(context)
        const rows = views.map((view) => [
          view.name,
          view.type,
          view.address,
          view.settings.effective['poe.reboots'] === true ? 'yes' : 'no',
        ])
        if (context.json) printJson(context, views)
        else if (rows.length > 0) {
          context.terminal.print(formatTable(['name', 'type', 'address', 'poe reboots'], rows))
        } else context.terminal.note('There is no device yet: "walt device create NAME --ip ADDRESS".')
        return undefined
      }),
    )

  device
    .command('remove')
    .description('forget a switch')
    .argument('<device>', 'name of the switch')
    .action(
      act(async (context, name: string) => {
        await context.api.call({ method: 'DELETE', path: devicePath(name) }, v.unknown())
        tell(context, { removed: name }, `${name}: removed.`)
        return undefined
      }),
    )
}

async function configureDevice(
  context: CommandContext,
  name: string,
  words: string[],
): Promise<number | undefined> {
  if (words.length > 0) {
    const request = {
      method: 'PATCH',
      path: devicePath(name),
      body: { settings: readSettings(words) },
    } as const
    const view = await context.api.call(request, deviceView)
    tell(context, view.settings, 'Done.')
    return undefined
  }
  const view = (await devicesOf(context)).find((one) => one.name === name)
  if (view) {
    tell(context, view.settings, `${name}:${settingLines(view.settings)}`)
    return undefined
  }
  context.terminal.note(`No device is named "${name}". "walt device show" lists the devices.`)
  return exitStatus.failed
}

function devicesOf(context: CommandContext): Promise<DeviceView[]> {
  return context.api.call({ method: 'GET', path: 'devices' }, deviceViews)
}

function devicePath(name: string): string {
  return `devices/${encodeURIComponent(name)}`
}

function tell(context: CommandContext, value: unknown, line: string): void {
  if (context.json) printJson(context, value)
  else context.terminal.print(line)
}

function settingsHelp(): string {
  const width = Math.max(...Object.keys(deviceSettingTable).map((name) => name.length))
  const lines = Object.entries(deviceSettingTable).map(
    ([name, setting]) => `  ${name.padEnd(width)}  ${setting.help} (${setting.default || 'empty'})`,
  )
  return `\nSettings of "walt device config", with their defaults:\n${lines.join('\n')}`
}
