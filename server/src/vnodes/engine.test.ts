import { describe, expect, it } from 'vitest'
import { chooseEngine, type EngineFacts } from './engine.ts'

const all: EngineFacts = { qemu: true, kvm: true }
const noKvm: EngineFacts = { qemu: true, kvm: false }
const noUml: EngineFacts = { qemu: true, kvm: false, umlProblem: 'install user-mode-linux' }

describe('the engine of a virtual node', () => {
  it('is QEMU where KVM works, else User Mode Linux, else emulation', () => {
    expect(chooseEngine('auto', all)).toBe('qemu-kvm')
    expect(chooseEngine('auto', noKvm)).toBe('uml')
    expect(chooseEngine('auto', noUml)).toBe('qemu')
  })

  it('is the one asked for', () => {
    expect(chooseEngine('uml', all)).toBe('uml')
    expect(chooseEngine('qemu', noKvm)).toBe('qemu')
  })

  it('says what to install where there is none', () => {
    expect(() => chooseEngine('qemu', { qemu: false, kvm: false })).toThrow(/qemu-system-x86/)
    expect(() => chooseEngine('auto', { ...noUml, qemu: false })).toThrow(/install user-mode-linux/)
  })
})
