import { defineConfig } from 'vitest/config'

/** For what comes in its own time, on a machine that has other things to do as well. */
const patient = { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 20_000 } } }

/** unit: beside the source, no privileges. tidy: the rules of the house. system: real parts, root, one at a time. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...patient,
          name: 'unit',
          include: ['{agent,server,shared}/**/*.test.ts'],
          execArgv: ['--no-warnings'],
        },
      },
      { test: { ...patient, name: 'tidy', include: ['test/tidy/**/*.test.ts'] } },
      {
        test: {
          ...patient,
          name: 'system',
          include: ['test/{contract,vm,browser}/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
})
