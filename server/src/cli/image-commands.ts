/** `walt image build|show|remove`. */

import { WaltError } from '@walt/shared/errors'
import { humanSize } from '@walt/shared/sizes'
import { type Command, Option } from 'commander'
import * as v from 'valibot'
import { type BuildProgress, buildProgress, type ImageView, imageViews } from '../http/api-schema.ts'
import { type Act, type CommandContext, printJson } from './command-context.ts'
import { brieflyNamed } from './outcomes.ts'
import { formatTable, printable } from './table.ts'
import { textLines } from './text-lines.ts'
import { humanDuration, humanMoment } from './times.ts'

type BuildOptions = { suite?: string; include?: string[]; mirror?: string; from?: string }

export function addImageCommands(walt: Command, act: Act): void {
  const image = walt.command('image').helpCommand(false).description('build, list and remove images')
  image
    .command('build')
    .description('build a Debian image on the server; takes minutes')
    .argument('<name>', 'name of the new image')
    .addOption(new Option('--suite <suite>', 'Debian release').choices(['bookworm', 'trixie']))
    .option('--include <packages>', 'more Debian packages, separated by commas', (text) => text.split(','))
    .option('--mirror <url>', "Debian mirror (by default the server's own)")
    .option('--from <image>', 'copy this image instead of installing packages')
    .action(act(buildImage))

  image
    .command('show')
    .description('list the images')
    .action(
      act(async (context) => {
        const images = await context.api.call({ method: 'GET', path: 'images' }, imageViews)
        if (context.json) printJson(context, images)
        else if (images.length > 0) context.terminal.print(imageTable(images))
        else context.terminal.note('There is no image yet: "walt image build NAME" builds one.')
        return undefined
      }),
    )

  image
    .command('remove')
    .description('remove an image that no node uses')
    .argument('<image>', 'name of the image')
    .action(
      act(async (context, name: string) => {
        const path = `images/${encodeURIComponent(name)}`
        await context.api.call({ method: 'DELETE', path }, v.unknown())
        if (context.json) printJson(context, { removed: name })
        else context.terminal.print(`${name}: removed.`)
        return undefined
      }),
    )
}

/** Pure. */
export function imageTable(images: readonly ImageView[]): string {
  const rows = images.map((image) => [
    image.name,
    image.suite ?? '',
    image.models.join(','),
    image.sizeBytes === undefined ? '' : humanSize(image.sizeBytes),
    image.builtAt === undefined ? '' : humanMoment(image.builtAt),
    brieflyNamed(image.usedBy),
    image.problem ?? 'ready',
  ])
  return formatTable(['name', 'suite', 'models', 'size', 'built', 'used by', 'state'], rows)
}

async function buildImage(context: CommandContext, name: string, options: BuildOptions): Promise<undefined> {
  const startedAt = performance.now()
  const { include, ...given } = options
  const body = { name, ...given, ...(include ? { packages: include } : {}) }
  let built: ImageView | undefined
  const request = { method: 'POST', path: 'images', body, patient: true } as const
  for await (const text of textLines(context.api.stream(request))) {
    const line = readProgress(text)
    if (context.json) context.terminal.print(JSON.stringify(line))
    else if ('progress' in line) context.terminal.print(printable(line.progress))
    if ('error' in line) throw new WaltError(line.error.code, line.error.message)
    if ('done' in line) built = line.done
  }
  if (!built) {
    const message = `The server ended its answer before image ${name} was built. See the server's own log for why.`
    throw new WaltError('image-build-broken-off', message)
  }
  const size = built.sizeBytes === undefined ? '' : `, ${humanSize(built.sizeBytes)}`
  const took = humanDuration(performance.now() - startedAt)
  if (!context.json) context.terminal.print(`${name}: built in ${took}${size}.`)
  return undefined
}

function readProgress(line: string): BuildProgress {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new WaltError('server-answer-unexpected', 'A line of the progress of the build is not JSON.', {
      cause,
    })
  }
  const result = v.safeParse(buildProgress, value)
  if (result.success) return result.output
  throw new WaltError('server-answer-unexpected', 'A line of the progress of the build has an unknown form.')
}
