import { describe, expect, it } from 'vitest'
import { debianSources } from './debian-sources.ts'

const deb822 = `Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`
const other = 'deb [arch=amd64 signed-by=/etc/apt/other.gpg] http://other.example/apt cloud-bookworm main\n'

describe('package sources of an image', () => {
  it('are those of this machine, other vendors left out', () => {
    const files = [
      { name: 'other.list', text: other },
      { name: 'debian.sources', text: deb822 },
    ]
    const signed = 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
    expect(debianSources({ suite: 'bookworm', mirror: null, files })).toEqual([
      `${signed} http://mirror.example/debian bookworm main`,
      `${signed} http://mirror.example/debian bookworm-updates main`,
      `${signed} http://mirror.example/debian-security bookworm-security main`,
    ])
    expect(debianSources({ suite: 'trixie', mirror: null, files })[0]).toBe(
      `${signed} http://mirror.example/debian trixie main`,
    )
  })

  it('are read in the one-line style too', () => {
    const files = [
      { name: 'sources.list', text: '# old\ndeb http://m.example/debian bookworm main contrib # all\n' },
    ]
    expect(debianSources({ suite: 'bookworm', mirror: null, files })[0]).toContain(
      ' http://m.example/debian bookworm main',
    )
  })

  it('are the mirror alone when one is named', () => {
    expect(debianSources({ suite: 'trixie', mirror: 'http://m.example/d', files: [] })).toEqual([
      'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m.example/d trixie main',
    ])
  })

  it('cannot be guessed where this machine has none', () => {
    expect(() =>
      debianSources({ suite: 'trixie', mirror: null, files: [{ name: 'x.list', text: other }] }),
    ).toThrow(/--mirror/)
  })
})
