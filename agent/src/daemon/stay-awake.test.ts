import { describe, expect, it } from 'vitest'
import { createFakeKernel } from '../linux/fake-kernel.ts'
import { fileMappings, lockProgram } from './stay-awake.ts'

const maps = `00400000-00452000 r-xp 00000000 08:02 173521      /usr/lib/walt/walt-agent
00651000-00652000 r--p 00051000 08:02 173521      /usr/lib/walt/walt-agent (deleted)
00e03000-00e24000 rw-p 00000000 00:00 0           [heap]
7f3b2000-7f3c2000 rw-p 00000000 00:00 0 
`

describe('the mappings of files', () => {
  it('are those with a path', () => {
    expect(fileMappings(maps)).toEqual([
      { start: 0x400000n, bytes: 0x52000n, path: '/usr/lib/walt/walt-agent' },
      { start: 0x651000n, bytes: 0x1000n, path: '/usr/lib/walt/walt-agent (deleted)' },
    ])
  })

  it('of this process are found, and locked', () => {
    const locked: bigint[] = []
    const kernel = createFakeKernel({ lockTouchedPages: ({ start }) => void locked.push(start) })
    lockProgram({ kernel, procFolder: '/proc', warn: expect.unreachable })
    expect(locked.length).toBeGreaterThan(3)
  })

  it('says what the kernel refuses, and goes on', () => {
    const said: string[] = []
    lockProgram({ kernel: createFakeKernel({}), procFolder: '/proc', warn: (message) => said.push(message) })
    expect(said.length).toBeGreaterThan(1)
  })
})
