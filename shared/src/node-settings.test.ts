import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WaltError } from './errors.ts'
import { parseKernelCommandLine } from './kernel-command-line.ts'
import { swapExportName } from './nbd.ts'
import { checkNodeSettings, effectiveNodeSettings, nodeSettingTable } from './node-settings.ts'
import { parseSize } from './sizes.ts'

describe('node settings', () => {
  it('have defaults that are valid', () => {
    const defaults = Object.fromEntries(
      Object.entries(nodeSettingTable).map(([name, setting]) => [name, setting.default]),
    )
    expect(checkNodeSettings(defaults, true)).toEqual(defaults)
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
      'boot.arguments': 'a\nb',
    }))
      expect(() => checkNodeSettings({ [name]: value }, true)).toThrow(`${name}=${value}: `)
  })

  it('refuse unknown names, and those of virtual nodes on others', () => {
    for (const name of ['RAM', 'toString', '__proto__x', ''])
      expect(() => checkNodeSettings({ [name]: '1' }, true)).toThrow('is not a setting')
    expect(() => checkNodeSettings({ ram: '1G' }, false)).toThrow('only be set on a virtual node')
    expect(checkNodeSettings({ 'kexec.allow': 'false' }, false)).toEqual({ 'kexec.allow': 'false' })
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
