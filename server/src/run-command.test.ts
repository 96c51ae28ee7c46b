import { expect, test } from 'vitest'
import { runCommand } from './run-command.ts'

test('a command ends in time though what it left behind holds its output open', async () => {
  const began = performance.now()
  // In a session of its own, so that the end of the group does not reach it.
  const run = runCommand('sh', ['-c', 'setsid sleep 3 & echo left; exit 0'], { timeoutMs: 200 })
  await expect(run).rejects.toMatchObject({
    code: 'command-failed',
    message: expect.stringContaining('left'),
  })
  expect(performance.now() - began).toBeLessThan(2_500)
})

test('a command that is cancelled ends with what it started', async () => {
  const run = runCommand('sh', ['-c', 'sleep 30 & sleep 30'], { signal: AbortSignal.timeout(100) })
  await expect(run).rejects.toThrow('it was cancelled')
})
