import { describe, expect, it } from 'vitest'
import { hideToken, isMountPoint, presenceOf, readBootFacts } from './facts.ts'

describe('boot facts', () => {
  it('are read from a given command line on any machine', () => {
    const facts = readBootFacts('walt.node.name=vnode1 walt.token=secret walt.virtual=1 walt.swap=x')
    expect(facts).toMatchObject({
      nodeName: 'vnode1',
      virtual: true,
      commandLine: expect.not.stringContaining('secret'),
    })
    expect(facts.problems).toHaveLength(1)
    expect(facts.memoryBytes).toBeGreaterThan(0)
  })

  it('hide the token wherever it stands', () => {
    expect(hideToken('walt.token=a b walt.token=c')).toBe('walt.token=(hidden) b walt.token=(hidden)')
  })

  it('tell a mount point from a directory', () => {
    expect(isMountPoint('/proc')).toBe(true)
    expect(isMountPoint('/usr/bin')).toBe(false)
    expect(isMountPoint('/nonexistent')).toBe(false)
  })

  it('tell programs from files', () => {
    expect(presenceOf('/bin/sh')).toBe('executable')
    expect(presenceOf('/etc/passwd')).toBe('not-executable')
    expect(presenceOf('/nonexistent')).toBe('absent')
  })
})
