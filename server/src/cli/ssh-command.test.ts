import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { remoteCommandLine, sshCommand } from './ssh-command.ts'

const target = { address: '192.168.152.10', keyPath: '/state/ssh/id_ed25519', namespace: undefined }

describe('sshCommand', () => {
  test('uses the key of the server and never remembers a host key', () => {
    const { program, arguments: words } = sshCommand(target, [])
    expect(program).toBe('ssh')
    expect(words).toContain('StrictHostKeyChecking=no')
    expect(words).toContain('UserKnownHostsFile=/dev/null')
    expect(words.slice(0, 2)).toEqual(['-i', '/state/ssh/id_ed25519'])
    expect(words.at(-1)).toBe('root@192.168.152.10')
  })

  test('enters the network namespace that it is told', () => {
    const { program, arguments: words } = sshCommand({ ...target, namespace: 'walt-demo' }, [
      'free',
      '--mega',
    ])
    expect([program, ...words.slice(0, 4)]).toEqual(['ip', 'netns', 'exec', 'walt-demo', 'ssh'])
    expect(words.slice(-3)).toEqual(['root@192.168.152.10', '--', 'free --mega'])
  })

  test('refuses a namespace that could be taken for an option', () => {
    expect(() => sshCommand({ ...target, namespace: '-all' }, [])).toThrow(
      /not a name of a network namespace/,
    )
  })
})

describe('remoteCommandLine', () => {
  test('leaves a single word to the shell of the node', () => {
    expect(remoteCommandLine(['df -h / | tail -1'])).toBe('df -h / | tail -1')
  })

  test('keeps each of several words one word, in a real shell', () => {
    const word = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\0'))
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
        const line = remoteCommandLine(['printf', '%s\\0', ...words])
        const read = execFileSync('sh', ['-c', line], { encoding: 'utf8' }).split('\0')
        expect(read.slice(0, -1)).toEqual(words)
      }),
      { numRuns: 30 },
    )
  })
})
