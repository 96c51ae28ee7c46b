import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { completionQuery, completionScripts, completionWords } from './completion.ts'
import { createProgram } from './program.ts'
import { createTerminal } from './terminal.ts'

const walt = createProgram(
  {
    terminal: createTerminal(process.stdout, process.stderr),
    environment: {},
    signal: new AbortController().signal,
  },
  () => undefined,
)
const complete = (words: string[], names: string[] = []) =>
  completionWords(completionQuery(walt, words), names)

describe('completion', () => {
  test('offers commands, and not the hidden one', () => {
    const all = 'image node device log events alerts top server dashboard help completion'
    expect(complete([''])).toEqual(all.split(' '))
    expect(complete(['node', 'sh'])).toEqual(['show', 'shell'])
    expect(complete(['completion', ''])).toEqual(['bash', 'zsh'])
  })

  test('offers the options of the command and those of walt', () => {
    expect(complete(['node', 'reboot', 'vnode1', '--h'])).toEqual(['--hard', '--help'])
    expect(complete(['node', 'reboot', '--j'])).toEqual(['--json'])
  })

  test('knows what each argument names', () => {
    expect(completionQuery(walt, ['node', 'boot', '']).kind).toBe('nodes')
    expect(completionQuery(walt, ['node', 'boot', 'vnode1', '']).kind).toBe('image')
    expect(completionQuery(walt, ['--socket', '/x', 'node', 'shell', 'v']).kind).toBe('node')
    expect(completionQuery(walt, ['node', 'config', 'vnode1', 'ram=1G', 'b']).kind).toBe('setting')
    expect(completionQuery(walt, ['node', 'ping', 'vnode1', '']).kind).toBeUndefined()
    expect(completionQuery(walt, ['node', 'shell', 'vnode1', '--', 'l']).kind).toBeUndefined()
  })

  test('completes a node set behind its last comma', () => {
    expect(complete(['node', 'reboot', 'vnode1,v'], ['vnode1', 'vnode2', 'rpi1'])).toEqual([
      'vnode1,vnode1',
      'vnode1,vnode2',
    ])
  })

  test('offers the topics of the help', () => {
    expect(complete(['help', 'show', 'node-'])).toEqual(['node-reboot', 'node-settings'])
  })

  test('the script for bash is one that bash reads, and asks walt', () => {
    const script = `walt() { printf '%s\\n' "$@" >&2; echo vnode1; }
      ${completionScripts.bash}
      COMP_WORDS=(walt node shell v) COMP_CWORD=3; _walt; echo "\${COMPREPLY[@]}"`
    const found = execFileSync('bash', ['-c', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    expect(found.trim()).toBe('vnode1')
  })
})
