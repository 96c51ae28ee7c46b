import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createLibcKernel } from '../linux/libc-kernel.ts'
import { createShells, type Shell } from './shell.ts'

const openShell = createShells({
  kernel: createLibcKernel(),
  procFolder: '/proc',
  warn(message) {
    throw new Error(message)
  },
})

async function open(): Promise<{ shell: Shell; text: () => string }> {
  const shell = await openShell()
  if ('refused' in shell) throw new Error(shell.refused)
  let text = ''
  shell.output.on('data', (bytes) => {
    text += bytes.toString('latin1')
  })
  return { shell, text: () => text }
}

describe('shell in a pseudo-terminal', () => {
  it('has a controlling terminal with job control, and says all before its end', async () => {
    const { shell, text } = await open()
    const closed = new Promise((resolve) => shell.output.once('close', resolve))
    shell.input.write('tty; stty size; cat /dev/tty & fg; echo st=$?\n')
    await expect.poll(text).toContain('cat /dev/tty\r\n')
    // Once more until the shell answers: `fg` may not have given the terminal away yet.
    const interrupted = () => {
      shell.input.write('\x03')
      shell.input.write('echo ba$((0))ck\n')
      return text()
    }
    await expect.poll(interrupted, { interval: 300 }).toContain('\r\nba0ck\r\n')
    expect(text()).toContain('^C')
    // Twice: if `fg` was interrupted before it woke the job, the shell warns of a stopped job first.
    shell.input.write('echo one; exit\nexit\n')
    await shell.exited
    await closed
    expect(text()).toMatch(/\/dev\/pts\/\d+\r\n24 80\r\n/)
    expect(text()).toContain('\r\none\r\n')
    expect(text()).not.toContain('no job control')
  })

  it('stays whole with much output and much input', async () => {
    const { shell, text } = await open()
    shell.input.write('stty -echo; cat > /dev/null; seq 100000; exit\n')
    for (let sent = 0; sent < 2000; sent += 1) shell.input.write(`${'x'.repeat(100)}\n`)
    shell.endInput()
    await shell.exited
    await expect.poll(text).toContain('\r\n100000\r\n')
  })

  it('holds nobody up when its programs do not read', async () => {
    const { shell, text } = await open()
    shell.input.write('stty -echo; echo re$((0))ady; sleep 654321\n')
    await expect.poll(text).toContain('\r\nre0ady\r\n')
    for (let sent = 0; sent < 20_000; sent += 1) shell.input.write(`${'x'.repeat(100)}\n`)
    // This process goes on, and the shell can be ended.
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(shell.input.writableLength).toBeGreaterThan(0)
    shell.kill()
    await shell.exited
  })

  it('leaves nothing running when it is killed', async () => {
    const { shell, text } = await open()
    shell.input.write('nohup sleep 765432 >/dev/null 2>&1 & setsid -w true; echo "<$!>"\n')
    await expect.poll(text).toMatch(/<\d+>/)
    shell.kill()
    await shell.exited
    const pid = Number(/<(\d+)>/.exec(text())![1])
    await expect.poll(() => isRunning(pid)).toBe(false)
  })
})

function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false
  return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
}
