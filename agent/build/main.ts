/** `npm run build:agent [-- --arch x64|arm64]`: dist/agent/walt-agent-ARCH and its `.ranges`. */
import { parseArgs } from 'node:util'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { type AgentArchitecture, buildAgent } from './build-agent.ts'

function architecture(text: string): AgentArchitecture {
  if (text === 'x64' || text === 'arm64') return text
  throw new WaltError('architecture-unknown', `--arch ${text}: it must be x64 or arm64`)
}

try {
  const options = {
    arch: { type: 'string', default: process.arch },
    force: { type: 'boolean', default: false },
  } as const
  const { values } = parseArgs({ options })
  await buildAgent({
    arch: architecture(values.arch),
    force: values.force,
    say: (line) => console.log(`build:agent: ${line}`),
  })
} catch (thrown) {
  console.error(`build:agent: ${reasonOf(thrown)}`)
  process.exitCode = 1
}
