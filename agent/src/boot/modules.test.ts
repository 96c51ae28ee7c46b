import { describe, expect, it } from 'vitest'
import { missingModules } from './modules.ts'

const lists = {
  fileSystems: 'nodev\tsysfs\nnodev\ttmpfs\n\text4\nnodev\toverlay\nnodev\tnfs4\n',
  devices: 'Character devices:\n  1 mem\n\nBlock devices:\n  7 loop\n 43 nbd\n',
}

describe('missing modules', () => {
  it('takes what is built in and what is loaded alike', () => {
    expect(missingModules(['overlay', 'nbd'], lists)).toEqual([])
  })

  it('does not take nfs4 for nfs', () => {
    expect(missingModules(['overlay', 'nfs'], lists)).toEqual(['nfs'])
  })
})
