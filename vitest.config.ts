import { defineConfig } from 'vitest/config'

/** unit: beside the source, no privileges. tidy: the rules of the house. system: real parts, root, one at a time. */
export default defineConfig({
  test: {
    projects: [
      {
        test: { name: 'unit', include: ['{agent,server,shared}/**/*.test.ts'], execArgv: ['--no-warnings'] },
      },
      { test: { name: 'tidy', include: ['test/tidy/**/*.test.ts'] } },
      {
        test: {
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
