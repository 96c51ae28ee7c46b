import { describe, expect, it } from 'vitest'
import { runProgram } from './programs.ts'

const shell = (script: string, withinMs = 30_000) => runProgram('/bin/sh', ['-c', script], withinMs)

describe('a program of the image', () => {
  it('ends well', async () => {
    expect(await shell('exit 0')).toEqual({ ok: true })
  })

  it('has its last complaint told', async () => {
    const script = 'echo first >&2; echo last >&2; exit 3'
    expect(await shell(script)).toEqual({ ok: false, reason: '/bin/sh ended with status 3: last' })
  })

  it('is killed past its deadline, with what it started', async () => {
    const started = performance.now()
    expect(await shell('sleep 30 & sleep 30', 100)).toEqual({ ok: false, reason: '/bin/sh took over 0.1 s' })
    expect(performance.now() - started).toBeLessThan(25_000)
  })

  it('does not hold the boot up by what it leaves running', async () => {
    expect(await shell('sleep 2 & exit 0')).toEqual({ ok: true })
    expect(await shell('sleep 2 & echo no >&2; exit 1')).toEqual({
      ok: false,
      reason: '/bin/sh ended with status 1: no',
    })
  })

  it('may be missing', async () => {
    expect(await runProgram('/nonexistent', [], 1000)).toMatchObject({ ok: false })
  })
})
