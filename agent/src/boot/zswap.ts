import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { StepOutcome } from './run.ts'

const parameters = '/sys/module/zswap/parameters'

/** Documentation/admin-guide/mm/zswap.rst: writing Y to `enabled` starts it at run time. */
export function switchZswapOn(): StepOutcome {
  if (!existsSync(`${parameters}/enabled`)) return { skipped: 'the kernel has no zswap' }
  writeFileSync(`${parameters}/enabled`, 'Y\n')
  return `zswap on (${readFileSync(`${parameters}/compressor`, 'utf8').trim()})`
}
