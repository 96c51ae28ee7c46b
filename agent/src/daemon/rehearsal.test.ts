import type { BootReport } from '@walt/shared/boot-report'
import { expect, it } from 'vitest'
import { createFakeKernel } from '../linux/fake-kernel.ts'
import { rehearse } from './rehearsal.ts'

const report: BootReport = {
  ...{ version: 1, agentVersion: '0.1.0', mode: 'network', virtual: true, kernelUptimeMs: 1, totalMs: 1 },
  ...{ swapBytes: 0, zswap: false, persist: true, steps: [], problems: [], commandLine: '' },
}

it('a rehearsal goes through to the reboot, and asks the kernel for nothing but the trial', async () => {
  let tried = 0
  await rehearse({
    kernel: createFakeKernel({
      tryReboot() {
        tried += 1
      },
    }),
    report,
  })
  expect(tried).toBe(1)
})
