/** `npm run build:web [-- --force]`: dist/web, what walt-server serves as the dashboard. */
import { parseArgs } from 'node:util'
import { reasonOf } from '@walt/shared/errors'
import { buildWeb } from './build-web.ts'

try {
  const { values } = parseArgs({ options: { force: { type: 'boolean', default: false } } })
  await buildWeb({ force: values.force, say: (line) => console.log(`build:web: ${line}`) })
} catch (thrown) {
  console.error(`build:web: ${reasonOf(thrown)}`)
  process.exitCode = 1
}
