import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { WaltError } from '@walt/shared/errors'
import { imageName } from '@walt/shared/node-names'
import { type Command, Option } from 'commander'
import * as v from 'valibot'
import { ensureSshKey, makeStateFolder } from '../state-folder.ts'
import { buildImage } from './image-build.ts'

const repository = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

type Options = {
  state: string
  suite: 'bookworm' | 'trixie'
  include?: string
  from?: string
  agent: string
  mirror?: string
  ifOutdated?: boolean
}

/** `walt-server image build NAME`: what the API runs as a process of its own, and what can be run without a server. */
export function addImageBuildCommand(program: Command): void {
  program
    .command('image')
    .description('images of nodes')
    .command('build')
    .description('build a Debian image with the agent in it; takes minutes, and root')
    .argument('<name>', 'name of the image')
    .option('--state <folder>', "the server's state folder", '/var/lib/walt')
    .addOption(
      new Option('--suite <suite>', 'Debian release').choices(['bookworm', 'trixie']).default('bookworm'),
    )
    .option('--include <packages>', 'more Debian packages, separated by commas')
    .option('--from <image>', 'copy this image instead of installing packages')
    .option('--agent <file>', 'the agent', repository('dist/agent/walt-agent-x64'))
    .option('--mirror <url>', "Debian mirror (by default this machine's own package sources)")
    .option('--if-outdated', 'leave an image that was made of the same parts as it is')
    .action(async (name: string, options: Options) => {
      const checkedName = v.safeParse(imageName, name)
      if (!checkedName.success)
        throw new WaltError('image-invalid', `"${name}": ${checkedName.issues[0].message}.`)
      await makeStateFolder(options.state)
      const { publicKey } = await ensureSshKey(options.state)
      const interrupted = new AbortController()
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => interrupted.abort())
      await buildImage({
        name,
        state: options.state,
        suite: options.suite,
        packages: options.include?.split(',').filter((one) => one !== '') ?? [],
        mirror: options.mirror ?? null,
        from: options.from,
        agent: options.agent,
        authorizedKeys: await readFile(publicKey, 'utf8'),
        hooks: repository('image-hooks'),
        initramfs: repository('initramfs'),
        ifOutdated: options.ifOutdated ?? false,
        now: Date.now,
        onProgress: (line) => process.stdout.write(`${line}\n`),
        signal: interrupted.signal,
      })
    })
}
