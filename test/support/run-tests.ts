/**
 * `npm test`: every test there is, and one line of counts at the very end. Arguments go to vitest (`npm test -- boot`).
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { cacheFolder, repositoryFolder } from './repository.ts'
import { ensurePackages } from './system-packages.ts'

const resultFile = path.join(cacheFolder, 'test-result.json')

function runVitest(): { passed: number; failed: number; skipped: number } {
  mkdirSync(cacheFolder, { recursive: true })
  rmSync(resultFile, { force: true })
  const vitest = path.join(repositoryFolder, 'node_modules/vitest/vitest.mjs')
  const args = [vitest, 'run', '--reporter=verbose', '--reporter=json', `--outputFile=${resultFile}`]
  const ended = spawnSync(process.execPath, [...args, ...process.argv.slice(2)], {
    cwd: repositoryFolder,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const counts = readCounts()
  // A run that broke outside of any test (a file that does not load, an unhandled rejection) is a failure as well.
  if (ended.status !== 0 && counts.failed === 0) counts.failed = 1
  return counts
}

function readCounts(): { passed: number; failed: number; skipped: number } {
  try {
    const result = JSON.parse(readFileSync(resultFile, 'utf8'))
    return {
      passed: result.numPassedTests,
      failed: result.numFailedTests,
      skipped: result.numPendingTests + result.numTodoTests,
    }
  } catch (thrown) {
    console.error(`vitest left no result: ${thrown instanceof Error ? thrown.message : thrown}`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

const missing = await ensurePackages('tests', (line) => console.error(line))
if (missing.length > 0 && process.env.CI) {
  console.error(`CI needs every package; still missing: ${missing.join(', ')}.`)
}
const { passed, failed, skipped } = runVitest()
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed > 0 ? 1 : 0
