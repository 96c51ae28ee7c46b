import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WaltError } from './errors.ts'
import { parseKernelCommandLine } from './kernel-command-line.ts'
import { swapExportName } from './nbd.ts'
import {
  changedBootSettings,
  checkNodeSettings,
  effectiveNodeSettings,
  type NodeSettingName,
  nodeSettingTable,
  shownNodeSettings,
} from './node-settings.ts'
import { parseSize } from './sizes.ts'

describe('node settings', () => {
  it('have defaults that are valid', () => {
    for (const virtual of [true, false]) {
      const defaults = Object.fromEntries(
        Object.keys(shownNodeSettings({}, virtual).effective).map((name) => [
          name,
          nodeSettingTable[name as NodeSettingName].default,
        ]),
      )
      expect(checkNodeSettings(defaults, virtual)).toEqual(defaults)
    }
    expect(effectiveNodeSettings({})).toMatchObject({
      ram: '512M',
      'boot.timeout': 180,
      'boot.retries': 9,
      swap: '16G',
    })
  })

  it('are typed where they are in force', () => {
    const given = checkNodeSettings(
      { 'boot.timeout': 'none', 'kexec.allow': 'false', 'cpu.cores': '4' },
      true,
    )
    expect(effectiveNodeSettings(given)).toMatchObject({
      'boot.timeout': 'none',
      'kexec.allow': false,
      'cpu.cores': 4,
    })
  })

  it('name the rule that a value breaks', () => {
    for (const [name, value] of Object.entries({
      ram: '1K',
      'cpu.cores': '0',
      engine: 'bochs',
      'boot.timeout': '59',
      'boot.retries': '-1',
      'kexec.allow': 'yes',
      swap: '1K',
      'root.lost': 'reboot:5',
      'boot.arguments': 'a\nb',
    }))
      expect(() => checkNodeSettings({ [name]: value }, true)).toThrow(`${name}=${value}: `)
    for (const [name, value] of Object.entries({ 'poe.port': 'switch1', 'ipmi.address': 'bmc1' }))
      expect(() => checkNodeSettings({ [name]: value }, false)).toThrow(`${name}=${value}: `)
  })

  it('refuse unknown names, and those of virtual nodes on others', () => {
    for (const name of ['RAM', 'toString', '__proto__x', ''])
      expect(() => checkNodeSettings({ [name]: '1' }, true)).toThrow('is not a setting')
    expect(() => checkNodeSettings({ ram: '1G' }, false)).toThrow('only be set on a virtual node')
    expect(() => checkNodeSettings({ 'poe.port': 'switch1/5' }, true)).toThrow('on a physical node')
    for (const port of ['switch1/5', 'switch1/2.5', ''])
      expect(checkNodeSettings({ 'poe.port': port }, false)).toEqual({ 'poe.port': port })
    expect(checkNodeSettings({ 'kexec.allow': 'false' }, false)).toEqual({ 'kexec.allow': 'false' })
  })

  it('that need a boot to count are told from those that do not', () => {
    const before = { swap: '1G', 'boot.timeout': '300' } as const
    expect(changedBootSettings(before, { swap: '1G', 'poe.port': 'switch1/5' })).toEqual([])
    expect(changedBootSettings(before, {})).toEqual(['swap'])
    expect(changedBootSettings({}, { swap: '16G' })).toEqual([])
  })

  it('are shown without secrets, and without those of other kinds of nodes', () => {
    const shown = shownNodeSettings({ 'ipmi.password': 'secret', 'ipmi.user': 'ann' }, false)
    expect(shown.given).toEqual({ 'ipmi.password': '(set)', 'ipmi.user': 'ann' })
    expect(shown.effective).toMatchObject({ 'ipmi.password': '(set)', 'poe.port': '' })
    expect(JSON.stringify(shown)).not.toContain('secret"')
    expect(Object.keys(shown.effective)).not.toContain('ram')
    expect(Object.keys(shownNodeSettings({}, true).effective)).not.toContain('poe.port')
  })

  it('give no swap that the node would refuse', () => {
    const size = fc
      .tuple(fc.nat(5000), fc.constantFrom('', 'K', 'M', 'G', 'T'))
      .map(([count, unit]) => `${count}${unit}`)
    fc.assert(
      fc.property(size, (swap) => {
        try {
          checkNodeSettings({ swap }, false)
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(WaltError)
          return
        }
        expect(parseKernelCommandLine(`walt.swap=${swap}`).problems).toEqual([])
        expect(swapExportName(parseSize(swap))).toMatch(/^swap-[0-9]+[GM]$/)
      }),
    )
  })

  it('throw nothing but WaltError, and what passed is in force', () => {
    const name = fc.constantFrom(...Object.keys(nodeSettingTable), 'nonsense')
    const value = fc.oneof(fc.string(), fc.constantFrom('true', 'none', 'off', '1G', '60', 'auto'))
    fc.assert(
      fc.property(fc.dictionary(name, value), fc.boolean(), (given, virtual) => {
        try {
          effectiveNodeSettings(checkNodeSettings(given, virtual))
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(WaltError)
        }
      }),
    )
  })
})
