/** Where a new image's packages come from: the package sources of this machine, or a mirror that was named. Pure. */
import { WaltError } from '@walt/shared/errors'

export type DebianSuite = 'bookworm' | 'trixie'

/** A file of /etc/apt (sources.list(5)), one-line style or deb822 by its name. */
export type SourcesFile = { name: string; text: string }

type Source = { uri: string; suites: string[]; components: string[]; signedBy: string | undefined }

const debianKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const debianRelease =
  /^(?:buster|bullseye|bookworm|trixie|forky|sid|stable|testing|unstable)(-security|-updates)?$/

/**
 * Lines for the image's sources.list. Other releases of Debian are taken from where this machine's own comes from.
 * @throws WaltError `image-mirror-unknown`
 */
export function debianSources(options: {
  suite: DebianSuite
  mirror: string | null
  files: readonly SourcesFile[]
}): string[] {
  const { suite, mirror, files } = options
  const line = (source: { uri: string; signedBy: string | undefined }, name: string) =>
    `deb [signed-by=${source.signedBy ?? debianKeyring}] ${source.uri} ${name} main`
  if (mirror !== null) return [line({ uri: mirror, signedBy: undefined }, suite)]

  const sources = files
    .flatMap(({ name, text }) => (name.endsWith('.sources') ? deb822Sources(text) : oneLineSources(text)))
    .filter(({ components }) => components.includes('main'))
  const main = sources.find(({ suites }) =>
    suites.some((name) => debianRelease.exec(name)?.[1] === undefined && debianRelease.test(name)),
  )
  if (!main) {
    throw new WaltError(
      'image-mirror-unknown',
      'The package sources of this machine (/etc/apt) name no Debian mirror. Name one with --mirror URL.',
    )
  }
  const security = sources.find(({ suites }) =>
    suites.some((name) => debianRelease.exec(name)?.[1] === '-security'),
  )
  return [
    line(main, suite),
    line(main, `${suite}-updates`),
    ...(security ? [line(security, `${suite}-security`)] : []),
  ]
}

function deb822Sources(text: string): Source[] {
  const found: Source[] = []
  for (const stanza of text.split(/\n\s*\n/)) {
    const fields = new Map<string, string>()
    let last = ''
    for (const line of stanza.split('\n')) {
      if (line.startsWith('#')) continue
      const field = /^([A-Za-z-]+):\s*(.*)$/.exec(line)
      if (field) last = (field[1] ?? '').toLowerCase()
      const value = field ? (field[2] ?? '') : line
      fields.set(last, `${fields.get(last) ?? ''} ${value}`.trim())
    }
    const words = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter((word) => word !== '')
    const uri = words('uris')[0]
    if (!uri || !words('types').includes('deb') || fields.get('enabled') === 'no') continue
    found.push({
      uri,
      suites: words('suites'),
      components: words('components'),
      signedBy: keyring(fields.get('signed-by')),
    })
  }
  return found
}

function oneLineSources(text: string): Source[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line)
    if (!match) return []
    const [, options = '', uri = '', suite = '', components = ''] = match
    const signedBy = keyring(/signed-by=(\S+)/.exec(options)?.[1])
    return [{ uri, suites: [suite], components: components.trim().split(/\s+/), signedBy }]
  })
}

/** A key may also stand in the file itself; then Debian's own keyring has to do. */
function keyring(text: string | undefined): string | undefined {
  return text && /^\/\S+$/.test(text) ? text : undefined
}
