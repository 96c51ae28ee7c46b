import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** For what comes in its own time, on a machine that has other things to do as well. */
const patient = { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 20_000 } } }

const system = { ...patient, testTimeout: 600_000, hookTimeout: 900_000 }
/** What measures, what starts a dozen machines, and emulators. */
const needsWholeMachine = ['test/contract/swap-load.test.ts', 'test/vm/{fleet,kexec,qemu}.test.ts']

/** What mostly waits is begun first, so that it does not wait alone in the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLongest = ({ moduleId }: TestSpecification) => moduleId.endsWith('/vm/survive.test.ts')
    const sorted = await super.sort(files)
    return [...sorted.filter(isLongest), ...sorted.filter((file) => !isLongest(file))]
  }
}

/**
 * unit: beside the source, no privileges. tidy: the rules of the house. system: real parts, root, two files at a time,
 * since whole nodes mostly wait. alone: of those, what needs the machine for itself. One group after the other.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
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
          ...system,
          name: 'system',
          include: ['test/{contract,vm,browser}/**/*.test.ts'],
          exclude: needsWholeMachine,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...system,
          name: 'alone',
          include: needsWholeMachine,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
